#pragma once

#include "core/run/trace.h"
#include "random_config.h"
#include "views/view.h"

#include <algorithm>
#include <cstdio>
#include <string>

// Settings of views from anywhere in their ranges.
namespace sf::test {

inline std::string random_value(Dice& dice, const Parameter& p, const Trace& trace) {
    switch (p.type) {
        case Parameter::Type::toggle:
            return dice.chance(0.5) ? "true" : "false";
        case Parameter::Type::choice:
            return dice.any(p.choices);
        case Parameter::Type::text: {
            if (dice.chance(0.1)) return "no such name";
            const auto id = static_cast<NodeId>(dice.whole(0, trace.graph->size() - 1));
            return (dice.chance(0.2) ? std::string(gradient_prefix) : "") + (*trace.graph)[id].name;
        }
        case Parameter::Type::integer:
            // Often near the start, where the ranges are wide.
            return std::to_string(dice.whole(
                static_cast<std::int64_t>(p.min),
                static_cast<std::int64_t>(dice.chance(0.5) ? p.max : std::min(p.max, p.min + 9))));
        case Parameter::Type::real:
            break;
    }
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", p.min + (p.max - p.min) * dice.uniform());
    return text;
}

// What a view shows to be lost on purpose.
inline bool may_be_red(const Invariant& i) {
    return i.name.rfind("16 bits without the maximum", 0) == 0;
}

}  // namespace sf::test
