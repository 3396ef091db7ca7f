// Report as JSON and as text.
#include <fmt/format.h>

#include "apps/duel/inspect/report.h"

namespace duel::app {
namespace {

Json list(const Shape& shape) {
  Json sizes = Json::array();
  for (const std::int64_t size : shape) sizes.push_back(size);
  return sizes;
}

Json to_json(const Statistics& s) {
  return {{"count", s.count}, {"nan", s.nans}, {"inf", s.infinities}, {"norm", s.norm}, {"rms", s.rms()},
          {"min", s.min},     {"max", s.max},  {"mean", s.mean},      {"bins", s.bins}};
}

Json to_json(const NodeReport& n) {
  Json json = {{"id", n.node.id},
               {"name", n.node.name},
               {"label", n.label},
               {"inputs", n.node.inputs},  // 0: a constant
               {"shape", list(n.node.shape)},
               {"dtype", name_of(n.node.dtype)},
               {"bytes", n.node.bytes},
               {"leaf", n.node.leaf},
               {"highest_order", n.node.highest_order == Order::any ? "any" : "1"},
               {"where", n.where},
               {"recorded_by", n.recorded_by},
               {"forward_ms", n.forward_ms},
               {"backward_ms", n.backward_ms}};
  json["value"] = n.value ? to_json(*n.value) : Json();
  json["gradient"] = n.gradient ? to_json(*n.gradient) : Json();
  return json;
}

Json to_json(const ParameterReport& p) {
  return {{"name", p.name},
          {"node", p.node},
          {"shape", list(p.shape)},
          {"value", to_json(p.value)},
          {"gradient", to_json(p.gradient)},
          {"singular_values", p.spectrum.largest},
          {"stable_rank", p.spectrum.stable_rank}};
}

Json to_json(const CheckedOrder& c) {
  Json steps = Json::array();
  for (const CheckedOrder::Step& s : c.steps)
    steps.push_back({{"step", s.step}, {"error", s.error}, {"numeric", s.numeric}, {"analytic", s.analytic}});
  return {{"order", c.order}, {"error", c.best().error}, {"step", c.best().step}, {"steps", std::move(steps)}};
}

template <class T>
Json all_of(const std::vector<T>& things) {
  Json array = Json::array();
  for (const T& thing : things) array.push_back(to_json(thing));
  return array;
}

Json to_json(const LossReport& l) {
  return {{"network", l.network},
          {"loss", l.loss},
          {"forward_ms", l.forward_ms},
          {"backward_ms", l.backward_ms},
          {"gradient_check", {{"pictures", l.checked_pictures}, {"dtype", "float64"}, {"orders", all_of(l.checks)}}},
          {"parameters", all_of(l.parameters)},
          {"nodes", all_of(l.nodes)}};
}

void add_loss(std::string& text, const LossReport& l) {
  const auto out = std::back_inserter(text);
  std::size_t bytes = 0, recorded = 0;
  for (const NodeReport& n : l.nodes) {
    bytes += n.node.bytes;
    recorded += n.recorded_by != 0;
  }
  fmt::format_to(out, "\n{}: loss {:.6g}; {} nodes, {} of them recorded by gradients; {:.1f} MB of values\n", l.network,
                 l.loss, l.nodes.size(), recorded, static_cast<double>(bytes) / 1e6);
  fmt::format_to(out, "  forward {:.2f} ms, backward {:.2f} ms\n", l.forward_ms, l.backward_ms);
  if (l.checks.empty())
    text += "  not checked by finite differences: the vectors of spectral norms move with every look\n";
  for (const CheckedOrder& c : l.checks)
    fmt::format_to(out, "  order {}: relative error {:.1e} against finite differences (float64, step {:.0e}, {})\n",
                   c.order, c.best().error, c.best().step, fmt::format("{} pictures", l.checked_pictures));
  fmt::format_to(out, "  {:<24} {:<20} {:>10} {:>10} {:>10}  {}\n", "parameter", "shape", "|weight|", "|gradient|",
                 "rms grad", "largest singular values");
  for (const ParameterReport& p : l.parameters) {
    fmt::format_to(out, "  {:<24} {:<20} {:>10.3g} {:>10.3g} {:>10.3g} ", p.name, cat(p.shape), p.value.norm,
                   p.gradient.norm, p.gradient.rms());
    for (const double sigma : p.spectrum.largest) fmt::format_to(out, " {:.3g}", sigma);
    text += '\n';
  }
}

}  // namespace

Json to_json(const Report& r) {
  Json losses = Json::array();
  for (const LossReport& l : r.losses) losses.push_back(to_json(l));
  return {{"format", kReportFormat}, {"preset", r.preset}, {"run", r.run},
          {"step", r.step},          {"seed", r.seed},     {"batch_size", r.batch_size},
          {"loss", r.loss},          {"device", r.device}, {"losses", std::move(losses)}};
}

std::string summary(const Report& r) {
  std::string text = fmt::format("step {} of {}, batch of {}, loss {}, on {}\n", r.step,
                                 r.run.empty() ? "new networks" : r.run, r.batch_size, r.loss, r.device);
  for (const LossReport& l : r.losses) add_loss(text, l);
  return text;
}

}  // namespace duel::app
