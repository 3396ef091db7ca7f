// The page's own files, apps/duel/inspect/page.{html,css,js}, as they were when the program was built.
#pragma once

namespace duel::app {

extern const char* const kPageHtml;  ///< with {{style}}, {{data}} and {{script}} where those belong
extern const char* const kPageCss;
extern const char* const kPageJs;

}  // namespace duel::app
