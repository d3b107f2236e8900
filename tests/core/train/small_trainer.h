#pragma once

#include "core/train/trainer.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cstdint>
#include <memory>

namespace sf::test {

// A trainer that takes a moment a step: nano with 8 experts in one layer and in two MTP modules.
inline ModelConfig shape() {
    ModelConfig c = ModelConfig::preset("nano");
    c.vocab_size = 300;
    c.hidden_size = 32;
    c.num_nextn_predict_layers = 2;
    return c;
}

inline TrainSettings settings(std::int64_t steps) {
    TrainSettings s;
    s.steps = steps;
    s.batch = 3;
    s.seq = 40;
    s.warmup = 4;
    s.seed = 5;
    return s;
}

inline const TrainingTextPtr& text() {
    static const TrainingTextPtr made = generated_text(shape(), settings(1));
    return made;
}

inline std::unique_ptr<Trainer> trainer(const TrainSettings& s, int threads = 1) {
    return std::make_unique<Trainer>(shape(), s, text(), threads);
}

inline void expect_same_numbers(const Trainer& a, const Trainer& b) {
    const auto equal = [](const ParameterSet& x, const ParameterSet& y) {
        return std::equal(x.all().begin(), x.all().end(), y.all().begin());
    };
    EXPECT_TRUE(equal(a.parameters(), b.parameters()));
    EXPECT_TRUE(equal(a.moments_m(), b.moments_m()));
    EXPECT_TRUE(equal(a.moments_v(), b.moments_v()));
    EXPECT_EQ(a.steps_done(), b.steps_done());
    EXPECT_EQ(a.next_row(), b.next_row());
}

}  // namespace sf::test
