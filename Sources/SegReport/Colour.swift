internal import SegImaging

/// An sRGB colour, components 0 to 1.
public struct Colour: Hashable, Sendable {
    /// Red.
    public var red: Double
    /// Green.
    public var green: Double
    /// Blue.
    public var blue: Double

    /// Makes a colour from `0xRRGGBB`.
    public init(_ hex: UInt32) {
        red = Double(hex >> 16 & 255) / 255
        green = Double(hex >> 8 & 255) / 255
        blue = Double(hex & 255) / 255
    }

    /// The running colours of labels.
    public static let palette = LabelColours.running.map(Colour.init)

    static let ground = Colour(0x11151C)
    static let card = Colour(0x000000)
    static let grid = Colour(0x2A3240)
    static let text = Colour(0xE8ECF2)
    static let quietText = Colour(0x98A2B3)
    /// What plots are drawn with, for they are printed.
    static let paper = Colour(0xFFFFFF)
    static let ink = Colour(0x14181F)
    static let quietInk = Colour(0x4F5968)
    static let paperGrid = Colour(0xDDE2E9)

    /// A middle grey of a scan.
    static let tissue = Colour(0x808080)

    static let reference = Colour(0xFFD23F)
}
