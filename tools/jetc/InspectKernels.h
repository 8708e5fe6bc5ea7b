// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of `jetc inspect` about kernels: their forms for a GPU, and what
// their code takes of one.

#ifndef JET_TOOLS_JETC_INSPECTKERNELS_H
#define JET_TOOLS_JETC_INSPECTKERNELS_H

#include "runtime/Package.h"
#include "support/Json.h"

namespace jet {

/// Warps of the kernel that an sm_90 multiprocessor holds at once, as a part of
/// the 64 that it can hold; by registers, shared memory, threads and CTAs.
double occupancyOf(const CodeInfo &code);

/// One object for each kernel and, after it, each stage of its forms. Of those
/// whose code is known with registers, shared_memory_bytes, spill_bytes and
/// occupancy.
nlohmann::ordered_json inspectKernels(const Package &package);

/// The same as text; nothing where there is neither code of a GPU nor a form.
void printKernels(const Package &package);

} // namespace jet

#endif // JET_TOOLS_JETC_INSPECTKERNELS_H
