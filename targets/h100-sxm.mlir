// NVIDIA H100 SXM, 80 GB. Derived, not measured: the data sheet's 3.35 TB/s and
// 989.4 TFLOP/s (dense bf16) times the efficiencies that an H200 was measured
// to reach of its own data sheet (4.18 of 4.8 TB/s, 753 of 989.4 TFLOP/s).
// vector_flops is the data sheet's f32 rate.
#jet.target<"h100-sxm", memory_bandwidth = 2.917e+12, tensor_flops = 7.53e+14,
            vector_flops = 6.69e+13, memory = 80000000000>
