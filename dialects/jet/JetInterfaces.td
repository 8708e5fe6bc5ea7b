// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What every mixer attribute and every state type must be able to say.

#ifndef JET_INTERFACES_TD
#define JET_INTERFACES_TD

include "mlir/IR/OpBase.td"

def Jet_MixerAttrInterface : AttrInterface<"MixerAttrInterface"> {
  let cppNamespace = "::jet";
  let description = [{
    A token mixer of a layer. To add a mixer: an attribute that implements this
    interface, and its expansion in `passes/expand/`.
  }];
  let methods = [
    InterfaceMethod<"Name in config.json and in placements, e.g. `jet`.",
                    "::llvm::StringRef", "getMixerName">,
    InterfaceMethod<[{Types of the state that a layer with this mixer carries
                    from step to step; `storage` is the model's dtype.}],
                    "::llvm::SmallVector<::mlir::Type>", "getStateTypes",
                    (ins "::mlir::Type":$storage)>,
  ];
}

def Jet_StateTypeInterface : TypeInterface<"StateTypeInterface"> {
  let cppNamespace = "::jet";
  let description = [{
    State that one layer keeps for a sequence. A value of such a type is the
    state of *all* slots; ops read and write the slots that the batch names.
  }];
  let methods = [
    InterfaceMethod<"Name in packages and reports, e.g. `recurrent`.",
                    "::llvm::StringRef", "getKindName">,
    InterfaceMethod<[{Shape of one slot as stored; `kDynamic` is the capacity:
                    the number of positions a slot can hold.}],
                    "::llvm::SmallVector<int64_t>", "getSlotShape">,
    InterfaceMethod<"Element type as stored.", "::mlir::Type",
                    "getStorageType">,
  ];
}

#endif // JET_INTERFACES_TD
