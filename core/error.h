#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace sf {

// Three kinds of error, caught in two places (worker loop, frame loop; the command line's main).

// The user's mistake: one sentence that names file (or option), field and reason. Exit status 2.
class UserError : public std::runtime_error {
public:
    explicit UserError(const std::string& sentence) : std::runtime_error(sentence) {}
    // "config.json: n_group: 3 groups do not divide 16 experts"
    UserError(const std::string& file, const std::string& field, const std::string& reason)
        : std::runtime_error(file + ": " + (field.empty() ? "" : field + ": ") + reason) {}
};

// Ours: tensors that do not fit together. Begins with the node's or op's name. Exit status 1.
class ShapeError : public std::logic_error {
public:
    ShapeError(const std::string& name, const std::string& reason)
        : std::logic_error(name + ": " + reason) {}
};

// A device (display, GL context) that is not there or gave up. Exit status 1.
class DeviceError : public std::runtime_error {
public:
    explicit DeviceError(const std::string& sentence) : std::runtime_error(sentence) {}
};

}  // namespace sf
