#include "views/inspector_run.h"

#include "views/inspector_subject.h"

#include <algorithm>

namespace sf::inspector {

namespace {

constexpr std::string_view prefix = "run:";

std::string known_runs(const Frame& frame) {
    std::string names;
    if (frame.runs != nullptr)
        for (const NamedRun& run : *frame.runs) names += (names.empty() ? "" : ", ") + run.name;
    return names;
}

}  // namespace

std::optional<std::string> run_asked(const Frame& frame) {
    const std::string asked = text_of(frame, "compare");
    if (!asked.starts_with(prefix)) return std::nullopt;
    return asked.substr(prefix.size());
}

std::vector<Need> needs_of_run(const Frame& frame) {
    const auto name = run_asked(frame);
    const NamedRun* run = name && frame.trace ? find_run(frame, *name) : nullptr;
    if (run == nullptr) return {};
    return {run_beside(*frame.trace, run->model, run->history, frame.train_step)};
}

OtherRun other_run(const Frame& frame, const std::string& name, TensorName of) {
    OtherRun other;
    other.run = find_run(frame, name);
    if (other.run == nullptr) return other;
    other.result = result_of<RunBeside>(frame, needs_of_run(frame).front());
    other.frame = frame;
    if (other.result.value == nullptr) return other;
    const Trace& trace = *other.result.value->trace;
    other.frame.trace = &trace;
    other.frame.base = nullptr;
    other.frame.timeline = other.result.value->timeline.get();
    other.tensor = {trace.graph->find((*frame.trace->graph)[of.node].name), of.gradient};
    return other;
}

Missing missing_run(const Frame& frame, const std::string& name, const OtherRun& other) {
    if (other.run == nullptr) {
        const std::string known = known_runs(frame);
        return {"No run “" + name + "” to compare with",
                known.empty() ? "The command “run-load FOLDER” or the option --compare adds one."
                              : "There are " + known + "."};
    }
    if (!other.result.error.empty()) return {"Nothing to compare with", other.result.error};
    return {"Only in this run", "The run " + name + " has another shape and no such tensor."};
}

}  // namespace sf::inspector
