// The page of `duel inspect` in a real browser, Debian's chromium without a window.
#include <doctest/doctest.h>

#include "tests/apps/browser.h"
#include "tests/apps/program.h"

using namespace duel::testing;
namespace fs = std::filesystem;

TEST_CASE("the page draws the graph and shows the node of its address, without an error") {
  if (!has_browser()) return;
  const World w;
  const fs::path out = w.folder / "out";
  REQUIRE(run({"inspect", "--preset", "dcgan-fashion-quick", "--data", w.data.string(), "--out", out.string()}).code ==
          0);
  const nlohmann::json report = nlohmann::json::parse(file_content(out / "inspect.json"));
  for (const auto& loss : report["losses"]) {
    // An operation with something to show.
    nlohmann::json node;
    for (const auto& n : loss["nodes"])
      if (n["name"].get<std::string>().starts_with("conv2d")) node = n;
    REQUIRE(node.is_object());
    const std::string id = std::to_string(node["id"].get<std::uint64_t>());
    const std::string dom = dumped_page(w.folder, "file://" + (out / "index.html").string() + "#node=" + id);
    const auto expect = [&](const std::string& piece) {
      CHECK_MESSAGE(contains(dom, piece), piece, " is not in the page of node ", id);
    };
    expect("data-errors=\"\"");
    expect("data-ready=\"yes\"");
    expect("<code id=\"where\">" + node["where"].get<std::string>() + "</code>");
    expect("id=\"node-name\">" + node["name"].get<std::string>());
    expect("class=\"node chosen\" data-node=\"" + id + "\"");
    expect("aria-label=\"histogram\"");
    expect(loss["parameters"][0]["name"].get<std::string>());
    for (const auto& n : loss["nodes"]) expect("data-node=\"" + std::to_string(n["id"].get<std::uint64_t>()) + "\"");
  }
}
