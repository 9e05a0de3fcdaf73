/// Every case, by op family.
public enum OpCases {
    /// All cases of the parity tests; small, anisotropic and odd.
    public static let all: [OpCase] =
        memory + elementwise + dropouts + activations + softmaxes + reductions + matmuls + attentions + convolutions
        + transposedConvolutions + normalizations + fusedNormalizations + pools + resamplings + windows + diceCELosses
        + focalLosses + optimizers
}
