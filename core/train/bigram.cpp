#include "core/train/bigram.h"

#include <cmath>
#include <limits>

namespace sf {

BigramModel::BigramModel(std::span<const std::int64_t> tokens, std::int64_t vocab_size)
    : vocab_size_(vocab_size),
      all_(static_cast<double>(tokens.size()) + static_cast<double>(vocab_size)),
      single_(static_cast<std::size_t>(vocab_size)),
      before_(single_.size()) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        single_[static_cast<std::size_t>(tokens[i])] += 1;
        if (i == 0) continue;
        before_[static_cast<std::size_t>(tokens[i - 1])] += 1;
        pairs_[key(tokens[i - 1], tokens[i])] += 1;
    }
}

double BigramModel::loss(const std::vector<std::vector<std::int64_t>>& rows) const {
    constexpr double weight = 20;
    double nats = 0, count = 0;
    for (const auto& row : rows)
        for (std::size_t i = 1; i < row.size(); ++i) {
            const auto pair = pairs_.find(key(row[i - 1], row[i]));
            const double p1 = (single_[static_cast<std::size_t>(row[i])] + 1) / all_;
            const double p2 = ((pair == pairs_.end() ? 0 : pair->second) + weight * p1) /
                              (before_[static_cast<std::size_t>(row[i - 1])] + weight);
            nats -= std::log(p2);
            count += 1;
        }
    return count > 0 ? nats / count : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace sf
