// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What jetc search --jet-block tells.

#ifndef JET_TOOLS_JETC_SHAPEREPORT_H
#define JET_TOOLS_JETC_SHAPEREPORT_H

#include "search/JetBlockShapes.h"

#include <nlohmann/json.hpp>

namespace jet {

struct ShapeReport {
  const ShapeQuestion &question;
  const ShapeResult &result;
  std::string device; // of the measured times; empty: none
};

void printShapes(const ShapeReport &report);
nlohmann::ordered_json shapesToJson(const ShapeReport &report);
/// Writes `path` whole or not at all.
Result<void> writeShapesHtml(const std::string &path,
                             const ShapeReport &report);

} // namespace jet

#endif // JET_TOOLS_JETC_SHAPEREPORT_H
