// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Descriptions of machines, for the cost model.

#ifndef JET_TARGET_TD
#define JET_TARGET_TD

include "dialects/jet/JetDialect.td"

def Jet_TargetAttr : AttrDef<Jet_Dialect, "Target"> {
  let mnemonic = "target";
  let summary = "What a machine can do at most";
  let description = [{
    Rates that costs are evaluated with: bytes a second of memory, operations a
    second of matrix products (`tensor_flops`, in the model's dtype) and of all
    other arithmetic (`vector_flops`, f32), bytes of `memory`, and optionally the
    seconds that a launch costs by itself. The folder `targets/` has some;
    `jetc inspect --cost --target=FILE` reads another.

    Constraints:
    - (C1) the name is not empty;
    - (C2) rates and memory are positive;
    - (C3) `launch_seconds` is not negative.

    Example:
    ```mlir
    #jet.target<"h200", memory_bandwidth = 4.18e+12, tensor_flops = 7.53e+14, vector_flops = 6.69e+13, memory = 141000000000>
    ```
  }];
  let parameters = (ins StringRefParameter<>:$name,
                        "::mlir::FloatAttr":$memoryBandwidth,
                        "::mlir::FloatAttr":$tensorFlops,
                        "::mlir::FloatAttr":$vectorFlops,
                        "int64_t":$memoryBytes,
                        OptionalParameter<"::mlir::FloatAttr">:$launchSeconds);
  let assemblyFormat = [{
    `<` $name `,`
    `memory_bandwidth` `=` custom<DoubleParam>($memoryBandwidth) `,`
    `tensor_flops` `=` custom<DoubleParam>($tensorFlops) `,`
    `vector_flops` `=` custom<DoubleParam>($vectorFlops) `,`
    `memory` `=` $memoryBytes
    (`,` `launch_seconds` `=` custom<DoubleParam>($launchSeconds)^)? `>`
  }];
  let genVerifyDecl = 1;
}

#endif // JET_TARGET_TD
