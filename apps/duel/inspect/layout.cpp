#include "apps/duel/inspect/layout.h"

#include <algorithm>
#include <set>
#include <utility>

#include "duel/tensor/error.h"

namespace duel::app {
namespace {

constexpr double kBend = 8;  // the width of an edge's passage through a layer
constexpr int kSweeps = 12;  // over all layers, down and up in turn

using Ids = std::vector<std::size_t>;

// Nodes, and one passage per layer for edges that cross it.
class Layers {
 public:
  Layers(const std::vector<Ids>& inputs, const NodeSize& size) : size_(size), nodes_(inputs.size()) {
    const Ids layer = layers_of(inputs);
    for (std::size_t i = 0; i < nodes_; ++i) add(layer[i], size.width);
    for (std::size_t i = 0; i < nodes_; ++i)
      for (const std::size_t from : std::set<std::size_t>(inputs[i].begin(), inputs[i].end())) connect(from, i);
    for (int sweep = 0; sweep < kSweeps; ++sweep) order(sweep % 2 == 0);
    place();
  }

  GraphLayout result() const {
    GraphLayout out;
    for (std::size_t i = 0; i < nodes_; ++i) out.nodes.push_back({x_[i], y(i)});
    for (const Ids& path : paths_) {
      Edge edge{path.front(), path.back(), {}};
      for (const std::size_t at : path) {
        if (at != path.front()) edge.points.push_back({x_[at], y(at) - size_.height / 2});
        if (at != path.back()) edge.points.push_back({x_[at], y(at) + size_.height / 2});
      }
      out.edges.push_back(std::move(edge));
    }
    for (std::size_t i = 0; i < x_.size(); ++i) out.width = std::max(out.width, x_[i] + (width_[i] + size_.gap) / 2);
    out.height = static_cast<double>(layers_.size()) * (size_.height + size_.layer_gap);
    return out;
  }

 private:
  // As low as the users allow: what a parameter goes through on its way stands near where it is used.
  static Ids layers_of(const std::vector<Ids>& inputs) {
    Ids above_bottom(inputs.size(), 0);
    for (std::size_t i = inputs.size(); i-- > 0;)
      for (const std::size_t from : inputs[i]) {
        check(from < i, "layered_layout", "node ", i, " is computed from node ", from, ", which comes later");
        above_bottom[from] = std::max(above_bottom[from], above_bottom[i] + 1);
      }
    const std::size_t top = inputs.empty() ? 0 : *std::max_element(above_bottom.begin(), above_bottom.end());
    for (std::size_t& layer : above_bottom) layer = top - layer;
    return above_bottom;
  }

  std::size_t add(std::size_t layer, double width) {
    if (layers_.size() <= layer) layers_.resize(layer + 1);
    const std::size_t id = layer_.size();
    place_.push_back(static_cast<double>(layers_[layer].size()));
    layers_[layer].push_back(id);
    layer_.push_back(layer);
    width_.push_back(width);
    above_.emplace_back();
    below_.emplace_back();
    return id;
  }

  void connect(std::size_t from, std::size_t to) {
    Ids path{from};
    for (std::size_t l = layer_[from] + 1; l < layer_[to]; ++l) path.push_back(add(l, kBend));
    path.push_back(to);
    for (std::size_t i = 1; i < path.size(); ++i) {
      below_[path[i - 1]].push_back(path[i]);
      above_[path[i]].push_back(path[i - 1]);
    }
    paths_.push_back(std::move(path));
  }

  static double mean(const Ids& of, const std::vector<double>& what) {
    double sum = 0;
    for (const std::size_t i : of) sum += what[i];
    return sum / static_cast<double>(of.size());
  }

  // Each layer by the mean place of the neighbours in the one before: fewer crossings.
  void order(bool downwards) {
    for (std::size_t step = 1; step < layers_.size(); ++step) {
      Ids& layer = layers_[downwards ? step : layers_.size() - 1 - step];
      std::vector<std::pair<double, std::size_t>> keyed;
      for (const std::size_t id : layer) {
        const Ids& neighbours = downwards ? above_[id] : below_[id];
        keyed.emplace_back(neighbours.empty() ? place_[id] : mean(neighbours, place_), id);
      }
      std::stable_sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      for (std::size_t i = 0; i < keyed.size(); ++i) {
        layer[i] = keyed[i].second;
        place_[layer[i]] = static_cast<double>(i);
      }
    }
  }

  double distance(std::size_t a, std::size_t b) const { return (width_[a] + width_[b]) / 2 + size_.gap; }

  // Each layer as near to the mean x of its neighbours as the distances allow.
  void place() {
    x_.assign(layer_.size(), 0);
    for (const Ids& layer : layers_) pack(layer, std::vector<double>(layer.size(), 0));
    for (int sweep = 0; sweep < 2 * kSweeps; ++sweep)
      for (std::size_t step = 0; step < layers_.size(); ++step) {
        const Ids& layer = layers_[sweep % 2 == 0 ? step : layers_.size() - 1 - step];
        std::vector<double> wanted;
        for (const std::size_t id : layer) {
          Ids neighbours = above_[id];
          neighbours.insert(neighbours.end(), below_[id].begin(), below_[id].end());
          wanted.push_back(neighbours.empty() ? x_[id] : mean(neighbours, x_));
        }
        pack(layer, wanted);
      }
    double left = 0;
    for (std::size_t i = 0; i < x_.size(); ++i) left = std::min(left, x_[i] - (width_[i] + size_.gap) / 2);
    for (double& x : x_) x -= left;
  }

  // Least squares with the order kept: where wishes collide, a block of neighbours shares the mean of its wishes.
  void pack(const Ids& layer, const std::vector<double>& wanted) {
    struct Block {
      double sum;  // of wishes, each less its offset within the row
      std::size_t count;
      double at() const { return sum / static_cast<double>(count); }
    };
    std::vector<double> offsets;  // from the first one, when all stand close
    std::vector<Block> blocks;
    for (std::size_t i = 0; i < layer.size(); ++i) {
      offsets.push_back(i == 0 ? 0 : offsets.back() + distance(layer[i - 1], layer[i]));
      blocks.push_back({wanted[i] - offsets[i], 1});
      while (blocks.size() > 1 && blocks[blocks.size() - 2].at() > blocks.back().at()) {
        const Block last = blocks.back();
        blocks.pop_back();
        blocks.back().sum += last.sum;
        blocks.back().count += last.count;
      }
    }
    std::size_t i = 0;
    for (const Block& block : blocks)
      for (std::size_t n = 0; n < block.count; ++n, ++i) x_[layer[i]] = block.at() + offsets[i];
  }

  double y(std::size_t id) const { return (static_cast<double>(layer_[id]) + 0.5) * (size_.height + size_.layer_gap); }

  NodeSize size_;
  std::size_t nodes_;
  std::vector<Ids> layers_, above_, below_, paths_;
  Ids layer_;
  std::vector<double> width_, place_, x_;
};

}  // namespace

GraphLayout layered_layout(const std::vector<std::vector<std::size_t>>& inputs, const NodeSize& size) {
  return Layers(inputs, size).result();
}

}  // namespace duel::app
