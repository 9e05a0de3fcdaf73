internal import Foundation

/// The colours of labels on the web page, in figures and reports, and in DICOM segmentations. Organs that models often
/// find have a fixed colour by name; any other label has a colour by its number.
///
/// The colours by number are those of Okabe and Ito without black, which people with the common kinds of colour vision
/// can distinguish. Organs that touch each other also differ in lightness.
public enum LabelColours {
    /// The colours by number, `0xRRGGBB`.
    public static let running: [UInt32] = [0x56B4E9, 0xF0A028, 0x1DB58A, 0xE573B5, 0xF0E442, 0x4C8DFF, 0xE8662A]

    /// The colour of a lesion, in any organ.
    private static let lesion: UInt32 = 0xFF5CA8
    private static let lesionWords: Set<String> = [
        "tumour", "tumor", "tumours", "tumors", "cancer", "lesion", "lesions", "metastasis", "nodule", "cyst",
    ]

    /// The colours of organs by the words of their names. If several entries match a name, the entry with the most words
    /// is used.
    private static let organs: [[String]: UInt32] = [
        ["spleen"]: 0x56B4E9, ["liver"]: 0xE8662A, ["kidney"]: 0xB5E550, ["kidneys"]: 0xB5E550,
        ["pancreas"]: 0x1DB58A, ["stomach"]: 0xC58BFF, ["gallbladder"]: 0x7BE07B, ["gall", "bladder"]: 0x7BE07B,
        ["esophagus"]: 0xD9B27C, ["oesophagus"]: 0xD9B27C, ["duodenum"]: 0x9AD0C2, ["colon"]: 0xB8A26A,
        ["small", "bowel"]: 0xF2B5A0, ["bowel"]: 0xF2B5A0, ["rectum"]: 0x9C7A4D,
        ["bladder"]: 0xA5F0E0, ["urinary", "bladder"]: 0xA5F0E0, ["prostate"]: 0xE573B5, ["uterus"]: 0xD98CB3,
        ["adrenal", "gland"]: 0xF0A028, ["adrenal"]: 0xF0A028, ["thyroid", "gland"]: 0xA8DDB5,
        ["aorta"]: 0xFF5A4D, ["heart"]: 0xD9544F, ["left", "atrium"]: 0xFF8A80, ["atrium"]: 0xFF8A80,
        ["ventricle"]: 0xE57373, ["myocardium"]: 0xB5483F, ["pulmonary", "artery"]: 0x8E7CFF,
        ["inferior", "vena", "cava"]: 0x4C8DFF, ["superior", "vena", "cava"]: 0x6FA3FF, ["postcava"]: 0x4C8DFF,
        ["portal", "vein", "and", "splenic", "vein"]: 0x3F6FE0, ["portal", "vein"]: 0x3F6FE0,
        ["hepatic", "vessel"]: 0x4C8DFF, ["vein"]: 0x4C8DFF, ["artery"]: 0xFF5A4D, ["vessel"]: 0x4C8DFF,
        ["lung"]: 0x8FC9E8, ["lungs"]: 0x8FC9E8, ["trachea"]: 0xBFEFFF,
        ["brain"]: 0xE6C3D8, ["hippocampus"]: 0x1DB58A, ["spinal", "cord"]: 0xC9B6FF,
        ["bone"]: 0xEDE6CF, ["vertebra"]: 0xEDE6CF, ["vertebrae"]: 0xEDE6CF, ["rib"]: 0xD8CFB0, ["femur"]: 0xE3D8B8,
        ["hip"]: 0xD9C9A0, ["sacrum"]: 0xCDBB8A, ["muscle"]: 0xC97064,
    ]

    /// The colour of a label, `0xRRGGBB`.
    /// - Parameters:
    ///   - name: The name of the label, in any case and with spaces, hyphens or underscores.
    ///   - number: The number of the label, from 1; it determines the colour if the name is not the name of an organ.
    public static func colour(of name: String, number: Int) -> UInt32 {
        let words = name.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
        if words.contains(where: lesionWords.contains) { return lesion }
        let fits = organs.filter { words.contains($0.key) }
        if let best = fits.max(by: { ($0.key.count, $0.key[0]) < ($1.key.count, $1.key[0]) }) { return best.value }
        return running[max(0, number - 1) % running.count]
    }

    /// A colour in the notation of CSS.
    public static func css(_ colour: UInt32) -> String { String(format: "#%06x", colour) }
}
