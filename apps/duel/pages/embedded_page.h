// The program's HTML pages: of each a folder with page.html, page.css and scripts, as they were when it was built.
#pragma once

#include <string>

#include "apps/duel/json.h"

namespace duel::app {

struct EmbeddedPage {
  const char *html, *css, *js;  ///< html has {{style}} and {{script}} where those belong
};

extern const EmbeddedPage kInspectPage, kReportPage;

/// The whole page. Whatever else it has to be told is for the caller to put in.
std::string html(const EmbeddedPage& page);

/// Puts `content` where `page` says `mark`.
void put(std::string& page, const std::string& mark, const std::string& content);

/// On one line, such that it can't end a script element that it stands in. NaN and infinity become null, and what is no
/// UTF-8 the sign for that.
std::string script_text(const Json& json);

}  // namespace duel::app
