// Pages in a real browser: Debian's chromium without a window.
#pragma once

#include <string>

#include "tests/support/temp_folder.h"

namespace duel::testing {

/// Whether there is one; the tests that need it are skipped otherwise.
bool has_browser();

struct BrowserWindow {
  int width = 1200, height = 900;
  bool dark = false;
};

/// The document of the page at `address` some seconds after its scripts have run.
std::string dumped_page(const TempFolder& folder, const std::string& address, const BrowserWindow& window = {});

/// What is seen of it, as a PNG file in the folder.
std::filesystem::path screenshot(const TempFolder& folder, const std::string& address,
                                 const BrowserWindow& window = {});

}  // namespace duel::testing
