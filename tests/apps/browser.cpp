#include "tests/apps/browser.h"

#include <doctest/doctest.h>

#include <cstdlib>

#ifndef DUEL_CHROMIUM
#define DUEL_CHROMIUM ""
#endif

namespace duel::testing {
namespace {

void run_browser(const TempFolder& folder, const BrowserWindow& window, const std::string& what) {
  std::string command = "timeout 120 '" DUEL_CHROMIUM "' --headless --no-sandbox --disable-gpu --hide-scrollbars ";
  command += "--virtual-time-budget=3000 --user-data-dir='" + (folder / "profile").string() + "' ";
  command += "--window-size=" + std::to_string(window.width) + ',' + std::to_string(window.height) + ' ';
  if (window.dark) command += "--force-dark-mode --blink-settings=preferredColorScheme=0 ";
  command += what + " 2>/dev/null";
  REQUIRE_MESSAGE(std::system(command.c_str()) == 0, command);
}

}  // namespace

bool has_browser() {
  const bool there = *DUEL_CHROMIUM != '\0';
  if (!there) MESSAGE("skipped: no chromium");
  return there;
}

std::string dumped_page(const TempFolder& folder, const std::string& address, const BrowserWindow& window) {
  const std::string out = (folder / "dom").string();
  run_browser(folder, window, "--dump-dom '" + address + "' >'" + out + "'");
  return file_content(out);
}

std::filesystem::path screenshot(const TempFolder& folder, const std::string& address, const BrowserWindow& window) {
  const std::filesystem::path out = folder / "seen.png";
  run_browser(folder, window, "--screenshot='" + out.string() + "' '" + address + "' >/dev/null");
  return out;
}

}  // namespace duel::testing
