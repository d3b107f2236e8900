#pragma once

// Ctrl+C on the command line: the process ends with 130 (SIGTERM: 143) and leaves no file behind.
namespace sf::cli {

void catch_interrupts();

// While one of these lives, interrupts are ignored: around the writing of a file, so that no
// temporary file survives. A command that got this far is done and succeeds.
class Uninterrupted {
public:
    Uninterrupted();
    ~Uninterrupted();
    Uninterrupted(const Uninterrupted&) = delete;
    Uninterrupted& operator=(const Uninterrupted&) = delete;
};

}  // namespace sf::cli
