// Parts of a data set: some of its classes, or its beginning.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "duel/gan/data/dataset.h"

namespace duel {

/// The examples of these classes, in the order of `whole`; the new class i is `classes[i]`, a class's name or, where
/// they have none, its number. Throws for a class that there is not, that is given twice, or that has no examples.
std::unique_ptr<Dataset> select_classes(std::shared_ptr<const Dataset> whole, const std::vector<std::string>& classes);

/// The first `count` examples, or all if there are no more. `count` is at least 1.
std::unique_ptr<Dataset> take_first(std::shared_ptr<const Dataset> whole, std::int64_t count);

}  // namespace duel
