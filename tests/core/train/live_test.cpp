// What a person does to a run between two of its steps.
#include "core/io/train_state.h"
#include "tests/core/io/scratch.h"
#include "tests/core/train/small_trainer.h"

#include <gtest/gtest.h>
#include <cmath>
#include <set>

namespace sf::test {
namespace {

// The bias of one expert of layer 1.
Real bias_of(const Trainer& t, std::size_t expert) {
    return t
        .parameters()[t.layout()->at("model.layers.1.mlp.gate.e_score_correction_bias")][expert];
}

std::unique_ptr<Trainer> resumed(const Scratch& scratch, int threads) {
    SavedRun saved = read_run(scratch.path());
    auto t = std::make_unique<Trainer>(
        saved.config, saved.settings, generated_text(saved.config, saved.settings, saved.tokenizer),
        threads);
    t->restore(saved.state, std::move(saved.history));
    return t;
}

TEST(Kick, comes_back_gamma_a_step) {
    auto s = settings(120);
    s.balance = BalanceMode::bias;
    s.gamma = 0.02;
    s.lr = 0;  // the bias alone moves
    auto t = trainer(s);
    const auto violation = [&] { return t->history().violation(0, t->history().size() - 1, 1200); };
    while (t->steps_done() < 40) t->step();
    const double before = violation();
    const Real bias_before = bias_of(*t, 3);
    t->kick("layers.1", 3, 1);
    EXPECT_EQ(bias_of(*t, 3), bias_before + 1);
    t->step();
    // Every token goes to it, whatever it thinks of the expert.
    const double tokens = 3 * 40;
    const double mean = tokens * static_cast<double>(shape().num_experts_per_tok) / 8;
    EXPECT_EQ(t->history().back().load[3], 3 * 40);
    EXPECT_NEAR(t->history().violation(0, t->history().size() - 1, 1), tokens / mean - 1, 1e-12);
    const auto load = [&] { return static_cast<double>(t->history().back().load[3]); };
    int down = 1;
    for (; load() > mean; ++down) {
        ASSERT_LT(t->steps_done(), 100);
        const double b = bias_of(*t, 3);
        t->step();
        const double move = load() > mean ? -0.02 : load() < mean ? 0.02 : 0;
        EXPECT_NEAR(t->history().back().bias[3], b + move, 1e-6);
    }
    EXPECT_GT(down, 15) << "the others rise, so that it is about half of the way";
    while (t->steps_done() < 120) t->step();
    EXPECT_LT(violation(), before + 0.2) << "balanced as before";
}

TEST(Kick, is_saved_with_the_weights) {
    const Scratch scratch;
    auto whole = trainer(settings(6));
    for (int i = 0; i < 3; ++i) whole->step();
    whole->kick("mtp.2", 5, -0.75);
    save_run(scratch.path(), *whole);
    auto second = resumed(scratch, 2);
    expect_same_numbers(*whole, *second);
    while (!whole->finished()) whole->step();
    while (!second->finished()) second->step();
    expect_same_numbers(*whole, *second);
    auto never = trainer(settings(6));
    while (!never->finished()) never->step();
    EXPECT_NE(never->history().back().bias, whole->history().back().bias);
}

TEST(Kick, that_cannot_be_is_refused_in_a_sentence) {
    auto t = trainer(settings(3));
    const auto said = [&](const std::string& layer, std::int64_t expert, double by) {
        return user_error([&] { t->kick(layer, expert, by); });
    };
    EXPECT_NE(said("layers.0", 0, 1).find("layers.1, layers.2, mtp.1, mtp.2"), std::string::npos);
    EXPECT_NE(said("layers.1", 8, 1).find("expert 8"), std::string::npos);
    EXPECT_NE(said("layers.1", -1, 1).find("0 to 7"), std::string::npos);
    EXPECT_NE(said("layers.1", 0, 1e9).find("1000"), std::string::npos);
    EXPECT_NE(said("layers.1", 0, std::nan("")).find("1000"), std::string::npos);
    auto s = settings(3);
    s.balance = BalanceMode::aux;
    t->change(s);
    EXPECT_NE(said("layers.1", 0, 1).find("balance=aux"), std::string::npos);
    EXPECT_EQ(bias_of(*t, 0), 0);

    ModelConfig dense = shape();
    dense.first_k_dense_replace = dense.num_hidden_layers;
    dense.num_nextn_predict_layers = 0;
    Trainer other(dense, settings(3), text(), 1);
    EXPECT_NE(user_error([&] { other.kick("layers.1", 0, 1); }).find("no experts"),
              std::string::npos);
}

void expect_hot_share(const TrainingText& t) {
    const auto topic = t.hot_row(80);
    ASSERT_EQ(topic.size(), 80U);
    EXPECT_LT(std::set<std::int64_t>(topic.begin(), topic.end()).size(), 40U) << "alike";
    int hot = 0, always = 0;
    for (std::uint64_t i = 0; i < 2000; ++i) {
        EXPECT_EQ(t.row(i, 80, 0), t.row(i, 80));
        ASSERT_EQ(t.row(i, 80, 1), topic);
        const bool few = t.row(i, 80, 0.3) == topic, many = t.row(i, 80, 0.6) == topic;
        EXPECT_TRUE(many || !few) << "a hot row stays hot as the share grows";
        hot += few;
        always += t.row(i, 80) == topic;
    }
    // Five standard deviations of a binomial.
    EXPECT_NEAR(hot, 600 + 0.7 * always, 5 * std::sqrt(2000 * 0.3 * 0.7));
}

TEST(HotTopic, is_a_share_of_the_rows_of_any_text) {
    expect_hot_share(*text());
    const Scratch scratch;
    std::string words;
    for (int i = 0; i < 3000; ++i)
        words +=
            std::string{static_cast<char>('a' + i * i % 23), static_cast<char>('a' + i * 7 % 19)} +
            (i % 11 == 0 ? "\n" : " of it ");
    expect_hot_share(*file_text(shape(), settings(1), scratch.with("words.txt", words)));
}

TEST(HotTopic, comes_and_goes_while_it_trains_and_is_kept_in_the_state) {
    const Scratch scratch;
    auto s = settings(8);
    s.hot = 0.9;
    auto whole = trainer(s), plain = trainer(settings(8));
    const float loss = plain->step().loss;
    EXPECT_NE(whole->step().loss, loss);
    whole->step();
    save_run(scratch.path(), *whole);
    auto second = resumed(scratch, 1);
    EXPECT_EQ(second->settings().hot, 0.9);
    for (Trainer* t : {whole.get(), second.get()}) {
        t->step();
        auto cool = t->settings();
        cool.hot = 0;
        t->change(cool);
        while (!t->finished()) t->step();
    }
    expect_same_numbers(*whole, *second);
    EXPECT_EQ(parse_settings("{\"steps\": 5}", "old").hot, 0) << "a state of before";
}

}  // namespace
}  // namespace sf::test
