#pragma once

#include "core/backend/thread_pool.h"
#include "core/train/evaluate.h"
#include "core/train/evaluate_rows.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace sf {

// The sequences of one kind, and what is known of them before a model reads them (sizes, floor,
// entropy, bigram loss; `answers` are those asked for by `questions`).
struct KindText {
    KindEvaluation about;
    std::vector<TokenRow> rows;
    std::vector<std::vector<Question>> questions;  // of the first rows
};

struct HeldOutText {
    std::vector<KindText> kinds;
    std::int64_t skipped = 0;  // documents that do not fit the model's context
};
HeldOutText held_out_text(const Model& model, const EvaluationOptions& options, ThreadPool& pool);

// Pieces of work that may throw (a tokenizer of the user's does); the first one's mistake is thrown
// here, after all.
void run_pieces(ThreadPool& pool, std::int64_t pieces,
                const std::function<void(std::int64_t, int)>& work);

}  // namespace sf
