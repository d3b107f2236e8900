#include "app/cli_interrupt.h"

#include <csignal>
#include <cstdlib>

namespace sf::cli {

namespace {

// A signal handler can reach nothing but a global.
volatile std::sig_atomic_t deferred = 0;
volatile std::sig_atomic_t noting = 0;
volatile std::sig_atomic_t noted = 0;

void on_signal(int signal) {
    if (noting != 0 && noted == 0) {
        noted = 128 + signal;
        return;
    }
    if (deferred == 0) std::_Exit(128 + signal);
}

}  // namespace

void catch_interrupts() {
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
}

Uninterrupted::Uninterrupted() {
    deferred = 1;
}
Uninterrupted::~Uninterrupted() {
    deferred = 0;
}

StopRequest::StopRequest() {
    noted = 0;
    noting = 1;
}
StopRequest::~StopRequest() {
    noting = 0;
}
int StopRequest::status() const {
    return noted;
}

}  // namespace sf::cli
