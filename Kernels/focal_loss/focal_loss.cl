// The focal loss over the sigmoid of each class, for logits [samples, rows, channels] and labels [samples, rows].
// NDRange: dimension 0, one item per element.

#define FOCAL_ARGUMENTS                                                                                                \
    IN(shares), const ulong count, const uint channels, const float gamma, const float positive, const float negative

// log(1 + e^-x) without overflow.
inline float softplus_of_negated(const float x) { return fmax(-x, 0.0f) + log1p(exp(-fabs(x))); }

inline int is_reference(const int label, const uint channel, const uint channels) {
    return channels == 1 ? label == 1 : label == (int)channel;
}

// Computes the loss term of each element.
__kernel void focal_terms(IN(logits), IN_INT(labels), OUT(terms), FOCAL_ARGUMENTS) {
    ENTER(logits);
    ENTER(labels);
    ENTER(terms);
    ENTER(shares);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const uint c = (uint)(i % channels);
    const int truth = is_reference(labels[i / channels], c, channels);
    const float z = truth ? logits[i] : -logits[i];
    terms[i] =
        shares[c] * (truth ? positive : negative) * exp(-gamma * softplus_of_negated(-z)) * softplus_of_negated(z);
}

// The gradient of the loss with respect to the logits.
__kernel void focal_gradient(IN(logits), IN_INT(labels), IN(upstream), OUT(gx), FOCAL_ARGUMENTS, const int accumulate) {
    ENTER(logits);
    ENTER(labels);
    ENTER(upstream);
    ENTER(gx);
    ENTER(shares);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const uint c = (uint)(i % channels);
    const int truth = is_reference(labels[i / channels], c, channels);
    const float z = truth ? logits[i] : -logits[i], p = 1.0f / (1.0f + exp(-z));
    const float slope =
        -exp(-gamma * softplus_of_negated(-z)) * (gamma * p * softplus_of_negated(z) + 1.0f / (1.0f + exp(z)));
    const float scaled = upstream[0] * shares[c] * (truth ? positive : negative) * slope;
    put(gx, i, truth ? scaled : -scaled, accumulate);
}
