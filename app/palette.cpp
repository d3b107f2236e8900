#include "app/palette.h"

#include "app/command_table.h"
#include "app/controller.h"
#include "app/fuzzy.h"

#include <algorithm>

namespace sf {

namespace {

struct Scored {
    int score = 0;
    Found found;
};

std::string keys_of(const AppCommand& command) {
    return command.keys.empty() || command.id == "view" ? "" : command.keys.front().chord;
}

constexpr int best = 1 << 20;

bool same_letters(std::string_view a, std::string_view b) {
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::vector<Found> find_anything(const Controller& c, std::string_view query, std::size_t most) {
    std::vector<Scored> all;
    const auto add = [&](int score, Found found) {
        if (score > 0 && same_letters(query, found.title)) score = best;
        if (score > 0) all.push_back({score, std::move(found)});
    };
    const auto space = query.find(' ');
    for (const AppCommand& command : command_table()) {
        const std::string line = command.argument.empty() ? command.id : command.id + " ";
        if (space != std::string_view::npos && !command.argument.empty() &&
            query.substr(0, space) == command.id && space + 1 < query.size())
            add(best - 1, {command.title + ": " + std::string(query.substr(space + 1)), "command",
                           std::string(query), std::string(query)});
        const std::string title =
            command.argument.empty() ? command.title : command.title + " " + command.argument;
        add(std::max(fuzzy_score(query, command.title), fuzzy_score(query, command.id)),
            {title, "command", keys_of(command), line});
    }
    for (const auto& view : views())
        add(std::max(fuzzy_score(query, view->title()), fuzzy_score(query, view->id())),
            {view->title(), "view", view->id(), "view " + view->id()});
    for (const NamedRun& run : c.runs())
        add(fuzzy_score(query, "Compare with " + run.name),
            {"Compare with " + run.name, "run", "", "compare " + run.name});
    const Snapshot& s = c.snapshot();
    if (s.trace && !query.empty()) {
        const Graph& graph = *s.trace->graph;
        for (NodeId id = 0; id < graph.size(); ++id) {
            const Node& node = graph[id];
            if (node.part == Part::weight) continue;
            add(std::max(fuzzy_score(query, node.name), fuzzy_score(query, node.title)),
                {node.title, "tensor", node.name, "inspect " + node.name});
        }
    }
    if (s.timeline && !query.empty()) {
        for (const Step& step : s.timeline->steps())
            add(std::max(fuzzy_score(query, step.name), fuzzy_score(query, step.title)) - 1,
                {step.title, "step", step.name, "step " + step.name});
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Scored& a, const Scored& b) { return a.score > b.score; });
    std::vector<Found> found;
    for (Scored& one : all) {
        if (found.size() == most) break;
        found.push_back(std::move(one.found));
    }
    return found;
}

}  // namespace sf
