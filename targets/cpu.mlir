// A small server: two x86-64-v4 cores of a shared machine. Bandwidth is that of
// a streaming read by both cores, the rates are f32 multiply-adds in registers;
// a CPU has one unit for both kinds of arithmetic. Copy this file and put your
// machine's numbers in: jetc inspect --cost --target=FILE.
#jet.target<"cpu", memory_bandwidth = 8.0e+09, tensor_flops = 8.4e+10,
            vector_flops = 8.4e+10, memory = 16000000000>
