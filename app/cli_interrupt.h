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

// While one of these lives, the first interrupt is only noted, so that a command can finish what it
// is at and save; a second one ends the process as usual.
class StopRequest {
public:
    StopRequest();
    ~StopRequest();
    StopRequest(const StopRequest&) = delete;
    StopRequest& operator=(const StopRequest&) = delete;
    bool asked() const { return status() != 0; }
    int status() const;  // 130 after Ctrl+C, 143 after SIGTERM, else 0
};

}  // namespace sf::cli
