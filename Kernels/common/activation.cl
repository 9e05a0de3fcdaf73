// Pointwise nonlinearities and their derivatives. The numbers are the same as in SegBackend/Activation.swift; a test
// compares them. `slope` is the slope of leaky ReLU or PReLU, or the alpha of ELU and SiLU.

#define IDENTITY 0
#define RELU 1
#define LEAKY_RELU 2
#define ELU 3
#define GELU 4
#define SIGMOID 5
#define SILU 6

inline float activation(const int kind, const float x, const float slope) {
    switch (kind) {
    case RELU: return x < 0.0f ? 0.0f : x; // NaN gives NaN.
    case LEAKY_RELU: return x > 0.0f ? x : slope * x;
    case ELU: return x > 0.0f ? x : slope * expm1(x);
    case GELU: return 0.5f * x * erfc(-0.70710678f * x);
    case SIGMOID: return 1.0f / (1.0f + exp(-x));
    case SILU: return x / (1.0f + exp(-slope * x));
    default: return x;
    }
}

inline float activation_slope(const int kind, const float x, const float slope) {
    switch (kind) {
    case RELU: return x > 0.0f ? 1.0f : 0.0f;
    case LEAKY_RELU: return x > 0.0f ? 1.0f : slope;
    case ELU: return x > 0.0f ? 1.0f : slope * exp(x);
    case GELU: return 0.5f * erfc(-0.70710678f * x) + 0.39894228f * x * exp(-0.5f * x * x);
    case SIGMOID: {
        const float y = 1.0f / (1.0f + exp(-x));
        return y * (1.0f - y);
    }
    case SILU: {
        const float y = 1.0f / (1.0f + exp(-slope * x));
        return y + slope * x * y * (1.0f - y);
    }
    default: return 1.0f;
    }
}
