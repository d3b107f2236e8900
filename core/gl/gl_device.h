#pragma once

#include "core/backend/device.h"

#include <memory>
#include <string>
#include <vector>

namespace sf {

// The device behind the current context: its facts, and what it complained about. Throws
// DeviceError when it is older than OpenGL 4.3.
class GlDevice {
public:
    GlDevice();
    ~GlDevice();
    GlDevice(const GlDevice&) = delete;
    GlDevice& operator=(const GlDevice&) = delete;

    DeviceInfo info;  // kernels keep to its limits; they may be lowered
    // Errors and messages of high severity of a debug context, in the driver's words.
    const std::vector<std::string>& complaints() const;
    // Throws DeviceError when the device reports an error: "attention: the device is out of
    // memory".
    void check(const std::string& what) const;

private:
    struct Messages;
    std::unique_ptr<Messages> messages_;
};

}  // namespace sf
