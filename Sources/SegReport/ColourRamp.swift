/// The colours of a quantity from its lower end, 0, to its upper end, 1.
struct ColourRamp: Hashable, Sendable {
    private let stops: [Colour]

    /// Black to white.
    static let grey = ColourRamp(stops: [Colour(0x000000), Colour(0xFFFFFF)])

    /// Black through violet and orange to pale yellow, with perceptually uniform brightness: "inferno" of Smith and van
    /// der Walt.
    static let heat = ColourRamp(
        stops: [
            0x000004, 0x1B0C41, 0x4A0C6B, 0x781C6D, 0xA52C60, 0xCF4446, 0xED6925, 0xFB9A06, 0xF7D03C, 0xFCFFA4,
        ].map { Colour($0) })

    private init(stops: [Colour]) { self.stops = stops }

    /// The colour at a fraction of the range.
    func callAsFunction(_ share: Double) -> Colour {
        let at = min(max(share, 0), 1) * Double(stops.count - 1)
        let low = min(Int(at), stops.count - 2)
        let (a, b, t) = (stops[low], stops[low + 1], at - Double(low))
        var colour = a
        colour.red += (b.red - a.red) * t
        colour.green += (b.green - a.green) * t
        colour.blue += (b.blue - a.blue) * t
        return colour
    }
}
