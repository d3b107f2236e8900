#pragma once

#include <string>
#include <vector>

// What was typed, unjudged: filled by cli.cpp, checked where it is used, so that every mistake is
// reported by one kind of sentence.
namespace sf::cli {

struct Text {
    bool given = false;
    std::string value;
};

// What is run, and by which model.
struct RunArguments {
    std::string command;  // for sentences: "figure"
    Text prompt, ids, trace;
    Text model, preset, seed, train_step;
    Text backend, threads, attention;
    bool grad = false;
    std::vector<std::string> compare;
};

struct FigureArguments : RunArguments {
    Text view;
    Text output, at, phase, token, sequence, size, scale, theme, text;
    std::vector<std::string> set, edits;
    std::vector<std::string> commands;  // shot --do
    bool list = false;
};

struct TraceArguments : RunArguments {
    Text output, decode;
};

struct GenerateArguments : RunArguments {
    Text max_new, temperature, top_k, top_p, speculate;
    bool greedy = false, stop_at_eos = false, json = false;
};

struct TrainArguments {
    Text preset, config, corpus, steps, until, seed, threads, out, checkpoint_every;
    std::vector<std::string> set;
    bool resume = false, json = false;
};

struct EvalArguments : RunArguments {
    Text corpus;
    std::vector<std::string> set;
    bool json = false, markdown = false;
};

struct BenchArguments {
    bool json = false, quick = false;
};

// Each returns the exit status and throws what went wrong.
int window(const RunArguments& arguments);
int figure(const FigureArguments& arguments);
int describe(const FigureArguments& arguments);
int shot(const FigureArguments& arguments);
int trace(const TraceArguments& arguments);
int generate(const GenerateArguments& arguments);
int train(const TrainArguments& arguments);
int eval(const EvalArguments& arguments);
int bench(const BenchArguments& arguments);

}  // namespace sf::cli
