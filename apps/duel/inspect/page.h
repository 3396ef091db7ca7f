// The report as one HTML page that needs nothing else: no network, no other files.
#pragma once

#include <string>

#include "apps/duel/inspect/report.h"

namespace duel::app {

/// In a browser, "#node=12" after the page's address selects that node, "#network=generator" that network.
std::string html_page(const Report& report);

}  // namespace duel::app
