// The page of runs, index.html: curves, samples, distributions, layers, configuration. It ends in an element for data
// that is never closed, so that records, one JSON object a line, can be appended to it for as long as a run lasts; a
// last one cut short is ignored. Nothing else is needed to look at it but the pictures that the records name.
//
// A record has "kind" and, but for runs, "step":
//   run        "name"; what follows is of this run. Pages of one run have none.
//   session    "time"                      the training began, or went on after this step; seconds since 1970
//   config     "values", "sources"         by option; sources: where the values came from, if known
//   metrics    "values", "time"            numbers by name
//   samples    "path"                      of a picture, from the page's folder, or a data: URL
//   histogram  "name", "low", "high", "counts", "mean"   in equal parts of [low, high]
//   layers     "layers"                    an array of objects: network, layer, gradient_norm, ...
//   warning    "text"
//   finish     "status"                    the session ended
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/duel/json.h"

namespace duel::app {

/// The page without records, up to the end of a line.
std::string report_page();

/// A record as it stands in the page, with the end of its line.
std::string report_line(const Json& record);

/// Whether the file is such a page.
bool is_report_page(const std::filesystem::path& file);

/// What is known of the run in a folder: the records of its page or, without one, those that its configuration, metrics
/// and samples make. A line cut short is left out. Throws `Error` if there is neither a page nor metrics.
std::vector<Json> run_records(const std::filesystem::path& run);

}  // namespace duel::app
