#pragma once

namespace sf {

// When the window draws: what a person did or what moves at once, what training alone changes in a
// tenth of the time, so that drawing hardly slows it. Knows no clock: times are given, in seconds
// from any origin.
class Pace {
public:
    // Rest after a frame that nobody asked for, in its own durations.
    static constexpr double rest = 9;

    // asked: by a person, a move or the system; trains: nothing else has changed the picture.
    bool draws(double now, bool changed, bool asked, bool trains) const {
        return asked || (changed && (!trains || now >= rest_until_));
    }
    void drawn(double begin, double end) { rest_until_ = end + rest * (end - begin); }
    double rest_until() const { return rest_until_; }

private:
    double rest_until_ = 0;
};

}  // namespace sf
