#include "core/model/builder.h"

namespace sf {

void build_token_loss(Builder& b, NodeId logits, NodeId ids, std::int64_t shift) {
    const Part part = std::exchange(b.place.part, Part::loss);
    Attrs a;
    a.shift = shift;
    const std::string depth = shift == 1 ? "" : "^{" + std::to_string(shift - 1) + "}";
    const std::string target = "t_{i+" + std::to_string(shift) + "}";
    const NodeId nll =
        b.add(Op::cross_entropy,
              {"nll", "−ln P" + depth, "Loss of each token", "−ln P" + depth + "(" + target + ")"},
              {logits, ids}, a);
    b.add(Op::mean,
          {"loss", "L" + depth, "Loss",
           "L" + depth + R"( = −\frac{1}{n} \sum_{i=1}^{n} ln P)" + depth + "(" + target + ")"},
          {nll}, a);
    b.place.part = part;
}

void build_balance_losses(Builder& b, NodeId scores, NodeId indices, const Attrs& router) {
    const Part part = std::exchange(b.place.part, Part::loss);
    const NodeId shares = b.add(Op::score_share,
                                {"balance_p", "P_i", "Affinity shares",
                                 R"(P_i = \frac{1}{T} \sum_t \frac{s_{i,t}}{\sum_j s_{j,t}})"},
                                {scores}, router);
    const NodeId sequence = b.add(Op::top_fraction,
                                  {"balance_f", "f_i", "Fractions, sequence-wise",
                                   R"(f_i = \frac{N_r}{K_r T} \sum_t 1(s_{i,t} ∈ Topk))"},
                                  {scores}, router);
    b.add(Op::balance_loss,
          {"balance_loss", "L_{Bal}", "Sequence-wise balance loss", R"(\sum_i f_i P_i)"},
          {sequence, shares}, router);
    const NodeId batch = b.add(Op::choice_fraction,
                               {"aux_f", "f_i", "Fractions, whole batch",
                                R"(f_i = \frac{N_r}{K_r T} \sum_t 1(t chooses i))"},
                               {indices}, router);
    b.add(Op::balance_loss, {"aux_loss", "L_{Aux}", "Auxiliary balance loss", R"(\sum_i f_i P_i)"},
          {batch, shares}, router);
    b.place.part = part;
}

}  // namespace sf
