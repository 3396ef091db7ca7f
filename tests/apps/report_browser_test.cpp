// A run's page in a real browser: it draws, and does what the pointer asks for.
#include <doctest/doctest.h>

#include <cmath>

#include "apps/duel/report/report_writer.h"
#include "duel/gan/media/png.h"
#include "duel/tensor/tensor.h"
#include "tests/apps/browser.h"
#include "tests/apps/program.h"

using namespace duel::testing;
using duel::app::ReportWriter;
namespace fs = std::filesystem;

namespace {

constexpr int kSteps = 60;

std::string picture(int step) { return "samples/step " + std::to_string(step) + "#.png"; }  // needs escapes in a URL

// As a killed process leaves it: the last line has no end.
void write_run(const fs::path& run) {
  fs::create_directories(run / "samples");
  ReportWriter report(run);
  report.config({{"preset", "dcgan"}, {"steps", 100}, {"a_rather_long_name_of_an_option", std::string(60, 'x')}},
                {{"steps", "command line"}});
  for (int step = 1; step <= kSteps; ++step) {
    report.metrics({{"step", step},
                    {"epoch", step / 10.0},
                    {"d_loss", step == 30 ? NAN : 1 + std::sin(step)},
                    {"g_loss", 2 + std::cos(step)},
                    {"d_real", step},
                    {"d_fake", -step},
                    {"g_lr", 1e-3},
                    {"images_per_second", 1000 + step}});
    if (step % 20 != 0) continue;
    report.histogram(step, "logits/real", std::vector<float>{1, 2, 2, 3});
    report.histogram(step, "logits/fake", std::vector<float>{-1, -1, -1});
    report.layers(step, {{"generator", "main.0.weight", 0.1, 2, 1.5}, {"discriminator", "main.0.weight", NAN, 2}});
    duel::write_png(run / picture(step), duel::Tensor::zeros({1, 24, 40}, {.dtype = duel::DType::uint8}));
    report.samples(step, picture(step));
  }
  report.warning(40, "scores are far apart </script><b id=\"injected\">");
  const fs::path page = run / "index.html";
  make_file(page, file_content(page) + R"({"kind":"metrics","step":61,"values":{"d_lo)");
}

// Drags over the first chart, and notes what there is to see before and after.
constexpr const char* kProbe = R"(<script>
addEventListener('load', () => setTimeout(() => {
  const note = {}, plot = document.querySelector('.plot'), canvas = plot.querySelector('canvas'), box = plot.getBoundingClientRect();
  const send = (type, part) => plot.dispatchEvent(new PointerEvent(type, {clientX: box.left + part * box.width, clientY: box.top + 50, pointerId: 1}));
  plot.setPointerCapture = () => {};
  note.charts = document.querySelectorAll('#curves canvas').length;
  note.drawn = [...document.querySelectorAll('.plot canvas')].every(c => c.dataset.points > 0);
  note.points = Number(canvas.dataset.points);
  send('pointerdown', 0.5); send('pointermove', 0.6); send('pointermove', 0.75);
  note.tip = document.getElementById('tip').textContent;
  send('pointerup', 0.75);
  note.zoomed = Number(canvas.dataset.points);
  note.reset = !document.getElementById('reset').hidden;
  plot.dispatchEvent(new MouseEvent('dblclick'));
  note.again = Number(canvas.dataset.points);
  const slider = document.getElementById('sample');
  slider.value = 0;
  slider.dispatchEvent(new Event('input'));
  note.sample = document.getElementById('sample-step').textContent;
  note.address = location.hash;
  note.histograms = document.querySelectorAll('#histograms svg path').length;
  note.strips = document.querySelectorAll('.strip').length;
  note.overflow = document.documentElement.scrollWidth - innerWidth;
  note.width = innerWidth;
  const picture = document.querySelector('#samples img');
  const done = () => {
    Object.assign(note, {picture: picture.naturalWidth, errors: document.body.dataset.errors, ready: document.body.dataset.ready});
    note.injected = document.getElementById('injected') !== null;
    parent.postMessage({name, note}, '*');
  };
  if (picture.complete) done(); else picture.addEventListener('load', done);
}, 300));
</script>
)";

// Of percent-encoded text.
std::string decoded(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '%') {
      plain += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      plain += text[i];
    }
  return plain;
}

struct Frame {
  fs::path page;
  int width = 1200;  // pixels
};

// The pages in frames of one document, since a browser's window has a least width; what each probe noted.
std::vector<nlohmann::json> probed(const TempFolder& folder, const std::vector<Frame>& frames) {
  std::string document = R"(<body><script>
addEventListener('message', e => { document.body.setAttribute('data-' + e.data.name, encodeURIComponent(JSON.stringify(e.data.note))); });
</script>)";
  for (std::size_t i = 0; i < frames.size(); ++i) {
    std::string text = file_content(frames[i].page);
    text.insert(text.find("<script type=\"application/x-ndjson\""), kProbe);
    const fs::path probe = frames[i].page.parent_path() / ("probe" + std::to_string(i) + ".html");
    make_file(probe, text);
    document += "<iframe name=\"page" + std::to_string(i) + "\" style=\"border: 0\" height=\"900\" width=\"" +
                std::to_string(frames[i].width) + "\" src=\"" + probe.string() + "\"></iframe>";
  }
  make_file(folder / "frames.html", document);
  const std::string dom = dumped_page(folder, "file://" + (folder / "frames.html").string());
  std::vector<nlohmann::json> notes;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const std::string start = "data-page" + std::to_string(i) + "=\"";
    const std::size_t begin = dom.find(start);
    REQUIRE_MESSAGE(begin != std::string::npos, dom.substr(0, 2000));
    const std::size_t from = begin + start.size();
    notes.push_back(nlohmann::json::parse(decoded(dom.substr(from, dom.find('"', from) - from))));
    CHECK(notes.back()["errors"] == "");
    CHECK(notes.back()["ready"] == "yes");
    CHECK(notes.back()["injected"] == false);
    CHECK(notes.back()["width"] == frames[i].width);
    CHECK(notes.back()["overflow"] <= 0);
    CHECK(notes.back()["picture"] == 40);
  }
  return notes;
}

}  // namespace

TEST_CASE("the page of a run, wide or narrow, and of several, draws, zooms and leafs") {
  if (!has_browser()) return;
  const TempFolder folder;
  for (const char* name : {"one", "two"}) write_run(folder / name);
  const fs::path one = folder / "one", out = folder / "out";
  REQUIRE(run({"report", one.string(), (folder / "two").string(), "--out", out.string()}).code == 0);
  const auto notes =
      probed(folder, {{one / "index.html"}, {.page = one / "index.html", .width = 390}, {out / "index.html"}});
  for (std::size_t i : {0, 1}) {
    const nlohmann::json& seen = notes[i];
    CHECK(seen["charts"] == 4);
    CHECK(seen["drawn"] == true);
    CHECK(seen["points"] == 2 * kSteps - 1);  // one was NaN
    CHECK(seen["zoomed"] > 10);
    CHECK(seen["zoomed"] < 2 * kSteps / 2);
    CHECK(seen["reset"] == true);
    CHECK(seen["again"] == seen["points"]);
    CHECK(contains(seen["tip"], "step 4"));
    CHECK(contains(seen["tip"], "g loss"));
    CHECK(seen["sample"] == "step 20");
    CHECK(contains(seen["address"], "sample=20"));
    CHECK(seen["histograms"] == 2);
    CHECK(seen["strips"] == 2);
  }
  CHECK(notes[2]["charts"] == 6);
  CHECK(notes[2]["points"] == 2 * (kSteps - 1));
  CHECK(notes[2]["histograms"] == 4);
}

TEST_CASE("in the dark the page is dark and its curves are light") {
  if (!has_browser()) return;
  const TempFolder folder;
  write_run(folder / "run");
  const std::string address = "file://" + (folder / "run/index.html").string();
  const duel::Tensor pixels = duel::read_png(screenshot(folder, address, {.dark = true}));
  const std::int64_t area = pixels.size(1) * pixels.size(2);
  const auto* p = pixels.data<std::uint8_t>();
  const auto count = [&](int r, int g, int b) {
    std::int64_t n = 0;
    for (std::int64_t i = 0; i < area; ++i) n += p[i] == r && p[area + i] == g && p[2 * area + i] == b;
    return n;
  };
  CHECK(count(0x7a, 0xa2, 0xff) > 300);  // the first colours of curves
  CHECK(count(0xff, 0x9a, 0x4d) > 300);
  CHECK(count(0x1a, 0x1f, 0x2a) > area / 3);
}
