#include "apps/duel/pages/embedded_page.h"

#include "duel/tensor/error.h"

namespace duel::app {

std::string html(const EmbeddedPage& page) {
  std::string text = page.html;
  put(text, "{{style}}", page.css);
  put(text, "{{script}}", page.js);
  return text;
}

void put(std::string& page, const std::string& mark, const std::string& content) {
  const std::size_t at = page.find(mark);
  check(at != std::string::npos, "page", "there is no ", mark, " in it");
  page.replace(at, mark.size(), content);
}

std::string script_text(const Json& json) {
  std::string text;
  for (const char c : json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace))
    if (c == '<')
      text += "\\u003c";
    else
      text += c;
  return text;
}

}  // namespace duel::app
