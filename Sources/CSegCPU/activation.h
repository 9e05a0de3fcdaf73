// Pointwise nonlinearities and their derivatives. The numbers are the same as in SegBackend/Activation.swift; a test
// compares them.
#pragma once

#include "simd.h"

enum {
    SEGCPU_IDENTITY = 0,
    SEGCPU_RELU = 1,
    SEGCPU_LEAKY_RELU = 2, // also PReLU
    SEGCPU_ELU = 3,
    SEGCPU_GELU = 4,
    SEGCPU_SIGMOID = 5,
    SEGCPU_SILU = 6,
};

// Calls FUNCTION with the activation as a constant, so that it is compiled separately for each activation.
#define FOR_ACTIVATION(kind, FUNCTION, ...)                                                                            \
    switch (kind) {                                                                                                    \
    case SEGCPU_RELU: FUNCTION(SEGCPU_RELU, __VA_ARGS__); break;                                                       \
    case SEGCPU_LEAKY_RELU: FUNCTION(SEGCPU_LEAKY_RELU, __VA_ARGS__); break;                                           \
    case SEGCPU_ELU: FUNCTION(SEGCPU_ELU, __VA_ARGS__); break;                                                         \
    case SEGCPU_GELU: FUNCTION(SEGCPU_GELU, __VA_ARGS__); break;                                                       \
    case SEGCPU_SIGMOID: FUNCTION(SEGCPU_SIGMOID, __VA_ARGS__); break;                                                 \
    case SEGCPU_SILU: FUNCTION(SEGCPU_SILU, __VA_ARGS__); break;                                                       \
    default: FUNCTION(SEGCPU_IDENTITY, __VA_ARGS__);                                                                   \
    }

// `slope` is the activation's parameter: the slope of a leaky or parametric ReLU, or the alpha of ELU and SiLU.
INLINE vf activation_value(int kind, vf z, vf slope) {
    vf bell;
    switch (kind) {
    case SEGCPU_RELU: return z < 0.0f ? (vf)0.0f : z;
    case SEGCPU_LEAKY_RELU: return z > 0.0f ? z : slope * z;
    case SEGCPU_ELU: return z > 0.0f ? z : slope * expm1_of_negative(z);
    case SEGCPU_GELU: return z * normal_cdf(z, &bell);
    case SEGCPU_SIGMOID: return sigmoid(z);
    case SEGCPU_SILU: return z * sigmoid(slope * z);
    default: return z;
    }
}

INLINE vf activation_derivative(int kind, vf z, vf slope) {
    switch (kind) {
    case SEGCPU_RELU: return z > 0.0f ? (vf)1.0f : (vf)0.0f;
    case SEGCPU_LEAKY_RELU: return z > 0.0f ? (vf)1.0f : slope;
    case SEGCPU_ELU: return z > 0.0f ? (vf)1.0f : slope * exponential(z);
    case SEGCPU_GELU: {
        vf bell, cdf = normal_cdf(z, &bell);
        return z * bell * 0.398942280f + cdf;
    }
    case SEGCPU_SIGMOID: {
        vf s = sigmoid(z);
        return s * (1.0f - s);
    }
    case SEGCPU_SILU: {
        vf s = sigmoid(slope * z);
        return slope * z * s * (1.0f - s) + s;
    }
    default: return (vf)1.0f;
    }
}
