// duel translate: pictures from pictures, by a trained run or by weights of CycleGAN, pix2pix and others.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <set>

#include <fmt/format.h>

#include "apps/duel/commands/commands.h"
#include "apps/duel/output_file.h"
#include "apps/duel/translator.h"
#include "duel/gan/media/picture.h"
#include "duel/gan/media/png.h"

namespace duel::app {
namespace {

namespace fs = std::filesystem;

struct TranslateLine {
  TranslatorLine how;
  std::string in, out;
  bool recursive = false;
};

bool lies_in(const fs::path& path, const fs::path& folder) {
  const fs::path relative = fs::weakly_canonical(path).lexically_relative(fs::weakly_canonical(folder));
  return !relative.empty() && *relative.begin() != "..";
}

template <class Walk>
void collect(const TranslateLine& line, std::vector<fs::path>& files) {
  for (const fs::directory_entry& entry : Walk(line.in))
    if (entry.is_regular_file() && has_picture_extension(entry.path())) files.push_back(entry.path());
}

// Sorted; what an earlier call wrote into a folder below is no input.
std::vector<fs::path> pictures_in(const TranslateLine& line) {
  if (!fs::is_directory(line.in)) return {line.in};
  std::vector<fs::path> files;
  if (line.recursive)
    collect<fs::recursive_directory_iterator>(line, files);
  else
    collect<fs::directory_iterator>(line, files);
  if (line.recursive && !fs::equivalent(line.in, line.out))
    std::erase_if(files, [&](const fs::path& file) { return lies_in(file, line.out); });
  if (files.empty())
    throw UsageError(fmt::format("there are no pictures in {}{}", line.in,
                                 line.recursive ? "" : "; --recursive looks into the folders in it too"));
  std::sort(files.begin(), files.end());
  return files;
}

// Where each picture's translation goes: the same place and name in the other folder, with .png for its ending, or
// after it where two pictures would get one name.
std::vector<fs::path> results_of(const TranslateLine& line, const std::vector<fs::path>& files) {
  std::vector<fs::path> results;
  std::map<fs::path, int> uses;
  for (const fs::path& file : files) {
    const fs::path name = fs::is_directory(line.in) ? file.lexically_relative(line.in) : file.filename();
    results.push_back(fs::path(line.out) / name);
    ++uses[fs::path(results.back()).replace_extension(".png")];
  }
  for (fs::path& result : results) {
    const fs::path shorter = fs::path(result).replace_extension(".png");
    result = uses[shorter] == 1 ? shorter : fs::path(result.string() + ".png");
  }
  return results;
}

void refuse_overwriting(const std::vector<fs::path>& files, const std::vector<fs::path>& results) {
  std::set<fs::path> inputs;
  for (const fs::path& file : files) inputs.insert(fs::weakly_canonical(file));
  for (const fs::path& result : results)
    if (inputs.contains(fs::weakly_canonical(result)))
      throw UsageError(fmt::format("{} would be overwritten: give another folder to write to", result.string()));
  for (const fs::path& result : results) check_output("out", result, FileKind::png);
}

// Undefined, having said why, for one that can't be translated: others may do better.
Tensor translation(Translator& translator, const fs::path& file) {
  std::string why;
  try {
    return translator(read_picture(file));
  } catch (const OutOfMemory& e) {
    why = fmt::format("{}; --tile takes less", e.what());
  } catch (const Error& e) {
    why = e.what();
  } catch (const std::bad_alloc&) {
    why = "out of memory: --tile takes less";
  }
  const bool named = why.find(file.string()) != why.npos;
  std::fflush(stdout);
  fmt::print(stderr, "duel: error: {}{}{}\n", named ? "" : file.string(), named ? "" : ": ", why);
  return {};
}

int translate(const TranslateLine& line) {
  Translator translator(line.how);
  make_folder("translate", line.out);
  const std::vector<fs::path> files = pictures_in(line), results = results_of(line, files);
  refuse_overwriting(files, results);
  std::size_t done = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const Tensor picture = translation(translator, files[i]);
    if (!picture.defined()) continue;
    make_folder("translate", results[i].parent_path());
    write_png(results[i], picture);
    ++done;
  }
  fmt::print("{} picture{} in {}", done, done == 1 ? "" : "s", line.out);
  if (const std::optional<Size2>& size = translator.size(); size && line.how.size.empty())
    fmt::print(", resized to {} as in training (--size keep: as they are)", to_text(*size));
  if (done < files.size()) fmt::print("; {} could not be translated", files.size() - done);
  fmt::print("\n");
  return done < files.size() ? 1 : 0;
}

}  // namespace

Command translate_command(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "translate", "make pictures of pictures, with a run of pairs or weights of CycleGAN or pix2pix");
  const auto line = std::make_shared<TranslateLine>();
  app->allow_extras();
  app->add_option("in", line->in, "a picture, or a folder of pictures of any format")
      ->required()
      ->type_name("FILE|FOLDER");
  app->add_option("out", line->out, "folder to write PNG files of the same names to")->required()->type_name("FOLDER");
  app->add_flag("--recursive", line->recursive, "with the folders in that folder, and so on");
  add_options(*app, line->how);
  return {app, [line] { return translate(*line); }};
}

}  // namespace duel::app
