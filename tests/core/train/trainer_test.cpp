#include "core/train/trainer.h"

#include "core/error.h"
#include "core/io/checkpoint.h"
#include "core/io/files.h"
#include "core/io/train_state.h"
#include "core/run/runner.h"
#include "core/run/writing.h"
#include "core/train/adamw.h"
#include "core/train/balance.h"
#include "tests/core/io/scratch.h"
#include "tests/core/train/small_trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace sf {
namespace {

using test::expect_same_numbers;
using test::Scratch;
using test::settings;
using test::shape;
using test::text;
using test::trainer;
using test::user_error;

TEST(AdamW, agrees_with_the_algorithm_as_published) {
    std::vector<Real> w{0.5F, -2}, m{0, 0}, v{0, 0};
    double we[] = {0.5, -2}, me[] = {0, 0}, ve[] = {0, 0};
    const double lr = 0.01, b1 = 0.9, b2 = 0.95, eps = 1e-8, decay = 0.1, scale = 0.5;
    for (int t = 1; t <= 20; ++t) {
        const std::vector<Real> g{static_cast<Real>(std::sin(t)), static_cast<Real>(t % 3)};
        adamw_update({lr, b1, b2, eps, decay, t}, scale, w, g, m, v);
        for (std::size_t i = 0; i < 2; ++i) {
            const double x = scale * static_cast<double>(g[i]);
            me[i] = b1 * me[i] + (1 - b1) * x;
            ve[i] = b2 * ve[i] + (1 - b2) * x * x;
            const double mh = me[i] / (1 - std::pow(b1, t)), vh = ve[i] / (1 - std::pow(b2, t));
            we[i] -= lr * (mh / (std::sqrt(vh) + eps) + decay * we[i]);
            ASSERT_NEAR(w[i], we[i], 2e-6) << t;
        }
    }
}

TEST(Balance, the_bias_moves_against_the_deviation) {
    std::vector<Real> bias{0, 0.5F, 0, 0};
    update_bias(bias, std::vector<std::int64_t>{5, 9, 2, 4}, 0.125);  // mean 5
    EXPECT_EQ(bias, (std::vector<Real>{0, 0.375F, 0.125F, 0.125F}));
    EXPECT_DOUBLE_EQ(violation(std::vector<std::int64_t>{5, 9, 2, 4}), 9.0 / 5 - 1);
    EXPECT_EQ(violation(std::vector<std::int64_t>{0, 0}), 0);
}

TEST(Trainer, learns) {
    auto t = trainer(settings(60));
    const double before = t->held_out_loss();
    EXPECT_NEAR(before, std::log(300.0), 0.2);
    while (!t->finished()) t->step();
    EXPECT_LT(t->held_out_loss(), before - 1.5);
    EXPECT_EQ(t->history().back().step, 60);
}

TEST(Trainer, held_out_loss_is_that_of_the_model) {
    auto t = trainer(settings(5));
    t->step();
    const auto rows = t->text().held_out(32, 40);
    const auto model = t->model("m");
    double nats = 0, count = 0;
    for (const auto& row : rows) {
        const auto trace = run_trace(model, {row});
        for (std::int64_t i = 0; i + 1 < 40; ++i, ++count)
            nats -=
                std::log(value_at(*trace, "probs", {0, i, row[static_cast<std::size_t>(i + 1)]}));
    }
    EXPECT_NEAR(t->held_out_loss(), nats / count, 1e-4);
}

TEST(Trainer, the_same_bits_for_any_number_of_threads) {
    auto one = trainer(settings(6), 1), three = trainer(settings(6), 3);
    for (int i = 0; i < 6; ++i) {
        const auto a = one->step(i == 3), b = three->step(i == 3);
        ASSERT_EQ(a.loss, b.loss) << i;
        ASSERT_EQ(a.grad_norm, b.grad_norm) << i;
        ASSERT_EQ(a.load, b.load) << i;
    }
    expect_same_numbers(*one, *three);
    auto other = settings(6);
    other.seed = 6;
    auto seed = trainer(other);
    EXPECT_NE(seed->step().loss, one->history()[0].loss);
}

TEST(Trainer, a_resumed_run_has_the_bits_of_one_that_never_stopped) {
    const Scratch scratch;
    auto whole = trainer(settings(9));
    while (!whole->finished()) whole->step();
    auto first = trainer(settings(9));
    for (int i = 0; i < 4; ++i) first->step();
    save_run(scratch.path(), *first);
    SavedRun saved = read_run(scratch.path());
    EXPECT_EQ(saved.settings, settings(9));
    EXPECT_EQ(saved.config, shape());
    Trainer second(saved.config, saved.settings,
                   generated_text(saved.config, saved.settings, saved.tokenizer), 2);
    second.restore(saved.state, std::move(saved.history));
    while (!second.finished()) second.step();
    expect_same_numbers(*whole, second);
    ASSERT_EQ(second.history().size(), whole->history().size());
    for (std::size_t i = 0; i < whole->history().size(); ++i)
        EXPECT_EQ(second.history()[i].loss, whole->history()[i].loss);
    EXPECT_EQ(second.history().probe_steps(), whole->history().probe_steps());
}

TEST(Trainer, what_it_writes_can_be_loaded) {
    const Scratch scratch;
    auto t = trainer(settings(3));
    t->step();
    save_run(scratch.path(), *t);
    const auto model = load_model(scratch.path());
    EXPECT_EQ(model->config, shape());
    EXPECT_EQ(model->weights->trained_step, 1);
    const SafetensorsFile file(scratch / "model.safetensors");
    for (const auto& [name, entry] : file.entries())
        EXPECT_EQ(entry.type,
                  name.ends_with("e_score_correction_bias") ? StoredType::f32 : StoredType::bf16)
            << name;
    ASSERT_TRUE(model->tokenizer);
    const std::string words = "Mia has a red kite. 12 + 3 = 15";
    EXPECT_EQ(model->tokenizer->encode(words), t->text().tokenizer()->encode(words));
}

TEST(Trainer, modes_of_balance_do_what_they_say) {
    const auto biases = [](const Trainer& t) {
        double sum = 0;
        for (const auto& e : t.layout()->entries())
            if (e.router_bias)
                for (const Real b : t.parameters()[e]) sum += std::abs(static_cast<double>(b));
        return sum;
    };
    for (const auto mode :
         {BalanceMode::none, BalanceMode::aux, BalanceMode::bias, BalanceMode::bias_seq}) {
        auto s = settings(3);
        s.balance = mode;
        auto t = trainer(s);
        const auto record = t->step();
        const bool moves = mode == BalanceMode::bias || mode == BalanceMode::bias_seq;
        EXPECT_EQ(biases(*t) > 0, moves) << balance_name(mode);
        const bool loss = mode == BalanceMode::aux || mode == BalanceMode::bias_seq;
        EXPECT_EQ(record.balance_loss > 0, loss) << balance_name(mode);
        // Every token is served by every layer: none is dropped.
        const auto k = shape().num_experts_per_tok;
        std::int64_t layer = 0;
        for (std::size_t first = 0; first < record.load.size(); first += 8, ++layer) {
            const auto n = std::accumulate(
                record.load.begin() + static_cast<std::ptrdiff_t>(first),
                record.load.begin() + static_cast<std::ptrdiff_t>(first) + 8, std::int64_t{0});
            const auto depth = std::max<std::int64_t>(0, layer - 1);  // two layers, then MTP 1, 2
            EXPECT_EQ(n, k * 3 * (40 - depth)) << layer;
        }
    }
}

TEST(Trainer, settings_may_change_while_it_runs) {
    auto t = trainer(settings(10));
    t->step();
    auto s = t->settings();
    s.lr = 1e-4;
    s.gamma = 0;
    s.batch = 2;
    t->change(s);
    const auto record = t->step();
    EXPECT_EQ(record.gamma, 0);
    EXPECT_EQ(record.tokens, 80);
    EXPECT_EQ(t->next_row(), 5U);
    s.seq = 1 << 20;
    EXPECT_NE(user_error([&] { t->change(s); }).find("seq"), std::string::npos);
}

TEST(Trainer, a_loss_that_is_not_finite_ends_it_at_the_last_good_state) {
    auto s = settings(100);
    auto t = trainer(s);
    t->step();
    t->step(true);  // measured: a good state
    const auto good = t->weights();
    // Steps that no model survives.
    s.lr = 10;
    s.clip = 0;
    s.weight_decay = 1;
    t->change(s);
    std::int64_t reached = 2;
    const std::string said = user_error([&] {
        for (; reached < 100; ++reached) t->step();
    });
    ASSERT_LT(reached, 100);
    EXPECT_NE(said.find("step " + std::to_string(reached + 1)), std::string::npos) << said;
    EXPECT_NE(said.find("first seen in "), std::string::npos) << said;
    EXPECT_NE(said.find("last good state, step 2"), std::string::npos) << said;
    EXPECT_EQ(t->steps_done(), 2);
    EXPECT_EQ(t->history().back().step, 2);
    const auto kept = t->weights();
    for (const auto& [name, tensor] : good->tensors)
        EXPECT_EQ(kept->at(name).real, tensor->real) << name;
    // It can go on from there.
    t->change(settings(100));
    EXPECT_TRUE(std::isfinite(t->step().loss));
}

TEST(Trainer, an_overflow_on_the_way_is_found_by_name) {
    auto t = trainer(settings(30));
    t->step(true);
    const auto before = t->weights();
    auto state = Trainer::State{t->steps_done(), t->next_row(), t->parameters(), t->moments_m(),
                                t->moments_v()};
    Trainer::State huge = state;
    for (Real& w : huge.weights[t->layout()->at("lm_head.weight")]) w = 3e38F;
    const History history = t->history();
    auto broken = trainer(settings(30));
    broken->restore(huge, history);
    const std::string said = user_error([&] { broken->step(); });
    EXPECT_NE(said.find("first seen in logits"), std::string::npos) << said;
    EXPECT_NE(said.find("last good state"), std::string::npos) << said;
    EXPECT_EQ(broken->steps_done(), 1);
}

TEST(TrainState, damage_is_named) {
    const Scratch scratch;
    auto t = trainer(settings(3));
    t->step();
    save_run(scratch.path(), *t);
    const auto file = scratch / "train_state.safetensors";
    const std::string bytes = read_file(file);
    // Truncated anywhere.
    for (const double part : {0.0, 0.01, 0.3, 0.9, 0.9999}) {
        write_file(
            file,
            bytes.substr(0, static_cast<std::size_t>(static_cast<double>(bytes.size()) * part)));
        const std::string said = user_error([&] { read_run(scratch.path()); });
        EXPECT_NE(said.find("train_state.safetensors"), std::string::npos) << said;
    }
    // A second moment that no square gives.
    std::vector<NamedTensor> tensors;
    std::vector<Tensor> kept;
    const auto rewrite = [&](const std::string& name, const std::function<void(Tensor&)>& change) {
        write_file(file, bytes);
        tensors.clear();
        kept.clear();
        std::map<std::string, std::string> metadata;
        {
            const SafetensorsFile source(file);
            metadata = source.metadata();
            kept.reserve(source.entries().size());
            for (const auto& [n, entry] : source.entries()) {
                kept.push_back(source.read(n));
                if (n == name) change(kept.back());
                tensors.push_back(
                    {n, kept.back().view(),
                     entry.type == StoredType::i64 ? StoredType::i64 : StoredType::f32});
            }
        }
        write_safetensors(file, tensors, metadata);
        return user_error([&] { read_run(scratch.path()); });
    };
    EXPECT_EQ(rewrite("nothing", [](Tensor&) {}), "");
    const std::string v = "adam_v.model.norm.weight";
    EXPECT_NE(rewrite(v, [](Tensor& x) { x.real[0] = -1; }).find(v), std::string::npos);
    const std::string w = "weights.lm_head.weight";
    EXPECT_NE(rewrite(w, [](Tensor& x) { x.real[7] = std::nanf(""); }).find(w), std::string::npos);
    EXPECT_NE(rewrite(w, [](Tensor& x) { x.shape = {x.size()}; }).find("shape"), std::string::npos);
}

TEST(Trainer, writes_at_kept_steps_what_its_weights_say) {
    auto t = trainer(settings(5));
    const auto beginnings = t->text().beginnings();
    ASSERT_FALSE(beginnings.empty());
    EXPECT_EQ(t->history().about.beginnings, beginnings);
    EXPECT_EQ(*t->history().written(0), write_on(*t->model("m"), beginnings));
    while (!t->finished()) t->step();
    EXPECT_EQ(*t->history().written(5), write_on(*t->model("m"), beginnings));
    EXPECT_EQ(t->history().written(4), nullptr);
    // A function of the weights: more threads change nothing.
    auto other = trainer(settings(5), 3);
    while (!other->finished()) other->step();
    EXPECT_EQ(*other->history().written(5), *t->history().written(5));
}

// A run that goes on with another mix of texts has another floor from then on, and one that knew of
// no texts to go on with learns of them.
TEST(Trainer, floors_are_of_the_text_of_their_step) {
    auto first = trainer(settings(4));
    for (int i = 0; i < 2; ++i) first->step();
    History history = first->history();
    EXPECT_EQ(history[0].floor, static_cast<float>(first->text().floor()));
    history.about.beginnings.clear();
    auto mixed = settings(4);
    mixed.corpus = {{"story", 5}, {"brackets", 0}};
    const auto other = generated_text(shape(), mixed, text()->tokenizer());
    ASSERT_NE(other->floor(), text()->floor());
    Trainer second(shape(), mixed, other, 1);
    const Trainer::State state{2, first->next_row(), first->parameters(), first->moments_m(),
                               first->moments_v()};
    second.restore(state, history);
    second.step();
    EXPECT_EQ(second.history()[1].floor, static_cast<float>(text()->floor()));
    EXPECT_EQ(second.history()[2].floor, static_cast<float>(other->floor()));
    EXPECT_EQ(second.history().about.floor, other->floor());
    EXPECT_EQ(second.history().about.beginnings, other->beginnings());
}

// And it is asked about all texts that were ever trained on.
TEST(Trainer, a_run_of_another_mix_goes_on_with_its_kinds_too) {
    auto mix = settings(4);
    for (const auto& kind : corpus_kind_names()) mix.corpus[kind] = kind == "brackets" ? 1 : 0;
    Trainer first(shape(), mix, generated_text(shape(), mix, text()->tokenizer()), 1);
    first.step();
    mix.corpus["brackets"] = 0;
    mix.corpus["story"] = 1;
    Trainer second(shape(), mix, generated_text(shape(), mix, text()->tokenizer()), 1);
    const auto brackets = first.text().beginnings(), story = second.text().beginnings();
    ASSERT_EQ(brackets.size(), 1U);
    ASSERT_EQ(story.size(), 1U);
    second.restore({1, first.next_row(), first.parameters(), first.moments_m(), first.moments_v()},
                   first.history());
    const std::vector all{brackets[0], story[0]};
    EXPECT_EQ(second.history().about.beginnings, all);
    EXPECT_EQ(*second.history().written(1), (Written{first.history().written(1)->front(), {}}));
    while (!second.finished()) second.step();
    EXPECT_EQ(*second.history().written(4), write_on(*second.model("m"), all));
}

// What a record tells adds up to what the step made smaller: its gradient is that of the sum.
TEST(Trainer, a_record_holds_the_terms_of_the_loss) {
    auto s = settings(1);
    s.alpha = 0.25;
    auto t = trainer(s);
    const auto before = t->model("m");
    std::vector<std::vector<std::int64_t>> rows;
    for (std::uint64_t i = 0; i < 3; ++i) rows.push_back(t->text().row(i, 40));
    RunOptions o;
    o.gradients = true;
    const TracePtr trace = run_trace(before, rows, o);
    const StepRecord r = t->step();
    EXPECT_NEAR(r.loss, trace->find("loss")->at(0), 1e-5);
    ASSERT_EQ(r.mtp_loss.size(), 2U);
    EXPECT_NEAR(r.mtp_loss[1], trace->find("mtp.2.loss")->at(0), 1e-5);
    double balance = 0;
    for (const std::string& layer : t->history().layers())
        balance += 0.25 * trace->find(layer + ".balance_loss")->at(0);
    EXPECT_NEAR(r.balance_loss, balance, 1e-5);
}

}  // namespace
}  // namespace sf
