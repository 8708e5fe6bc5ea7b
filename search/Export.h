// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A placement as a plain model: its config, its checkpoint.

#ifndef JET_SEARCH_EXPORT_H
#define JET_SEARCH_EXPORT_H

#include "frontend/Spec.h"

#include <string>
#include <vector>

namespace jet {

/// The config in `text` — the file `path`, which parseSpec() took — with
/// `mixers` as its layer_types and without what only supernets have.
Result<std::string> placeConfig(const std::string &text,
                                const std::string &path,
                                const std::vector<std::string> &mixers);

/// Makes the folder `directory` with `config` as config.json and, as
/// model.safetensors, the tensors of the supernet checkpoint `weights` that the
/// placement uses, under the names of a plain model. It appears whole or not at
/// all. Errors: the folder exists and is not empty, a tensor is missing or of
/// another dtype or shape, the system's.
Result<void> exportModel(const ModelSpec &supernet,
                         const std::vector<std::string> &mixers,
                         const std::string &config, const std::string &weights,
                         const std::string &directory);

} // namespace jet

#endif // JET_SEARCH_EXPORT_H
