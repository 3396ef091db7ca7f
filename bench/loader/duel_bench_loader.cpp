// Images per second that a DataLoader makes of a folder of pictures. bench/loader.py puts it beside PyTorch's.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>

#include "duel/gan/data/data_loader.h"
#include "duel/gan/data/packed.h"
#include "duel/gan/data/transform.h"
#include "duel/gan/media/open_dataset.h"
#include "duel/tensor/thread_pool.h"

namespace duel::bench {
namespace {

constexpr char kProgram[] = "duel_bench_loader";
constexpr const char* kUsage =
    "duel_bench_loader PATH [OPTION VALUE]...\n"
    "  --load-size N   pictures are resized to N x N, as CycleGAN does (286)\n"
    "  --crop-size N   and cropped to this at random (256)\n"
    "  --batch-size N  (16)\n"
    "  --workers N     threads that read ahead (0: none; then one thread does everything)\n"
    "  --seconds N     how long to measure (5)\n"
    "  --cache FILE    pictures are packed in this file first\n";

std::int64_t number(const std::string& option, const std::string& word) {
  char* end = nullptr;
  const long long n = std::strtoll(word.c_str(), &end, 10);
  check(!word.empty() && *end == '\0' && n >= 0 && n <= 65536, kProgram, option, " needs a number up to 65536, got '",
        word, "'\n\n", kUsage);
  return n;
}

double images_per_second(DataLoader& loader, double seconds) {
  using Clock = std::chrono::steady_clock;
  loader.next();  // the workers have begun
  const Clock::time_point start = Clock::now();
  double passed = 0;
  std::int64_t images = 0;
  while (passed < seconds) {
    images += loader.next().pictures.size(0);
    passed = std::chrono::duration<double>(Clock::now() - start).count();
  }
  return static_cast<double>(images) / passed;
}

int run(int argc, char** argv) {
  check(argc >= 2 && argc % 2 == 0, kProgram, "which pictures?\n\n", kUsage);
  std::map<std::string, std::string> words = {{"--load-size", "286"}, {"--crop-size", "256"}, {"--batch-size", "16"},
                                              {"--workers", "0"},     {"--seconds", "5"},     {"--cache", ""}};
  for (int i = 2; i < argc; i += 2) {
    check(words.contains(argv[i]), kProgram, "'", argv[i], "' is not an option\n\n", kUsage);
    words[argv[i]] = argv[i + 1];
  }
  const auto value = [&](const char* option) { return number(option, words[option]); };
  set_num_threads(1);  // of those that are not workers
  const std::int64_t load = value("--load-size"), crop = value("--crop-size");
  const TransformOptions transforms{.channels = 3,
                                    .preprocess = Preprocess::resize_and_crop,
                                    .load_size = {load, load},
                                    .crop_size = {crop, crop},
                                    .flip = Flip::horizontal};
  check_options(transforms);
  DataLoader loader(open_dataset(argv[1], {.format = "flat", .cache = words["--cache"]}),
                    {.batch_size = value("--batch-size"),
                     .transform = [&](const Example& e, Rng& draws) { return transform(transforms, e, draws); },
                     .workers = value("--workers")});
  std::cout << images_per_second(loader, static_cast<double>(value("--seconds"))) << '\n';
  return 0;
}

}  // namespace
}  // namespace duel::bench

int main(int argc, char** argv) {
  try {
    return duel::bench::run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
