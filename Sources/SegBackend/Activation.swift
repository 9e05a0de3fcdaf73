/// A pointwise nonlinearity.
public enum Activation: Hashable, Sendable {
    /// y = x.
    case identity
    /// max(x, 0), `torch.nn.functional.relu`.
    case relu
    /// x for x > 0, else slope · x, `torch.nn.functional.leaky_relu`.
    case leakyReLU(slope: Float)
    /// x for x > 0, else a learned slope · x: one slope, or one for each channel. He et al. 2015.
    case prelu
    /// x for x > 0, else alpha · (eˣ − 1). Clevert et al. 2015.
    case elu(alpha: Float)
    /// x · Φ(x), the exact form with erf. Hendrycks and Gimpel 2016.
    case gelu
    /// 1 / (1 + e⁻ˣ).
    case sigmoid
}
