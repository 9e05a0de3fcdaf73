/// A coded term, such as SNOMED CT's code for the spleen.
public struct DicomCode: Hashable, Sendable {
    /// The code in the scheme, such as `78961009`; at most 16 characters.
    public var value: String
    /// The coding scheme: `SCT` for SNOMED CT, `DCM` for DICOM's own.
    public var scheme: String
    /// The term in words; at most 64 characters.
    public var meaning: String

    /// Creates a term of a scheme, by default of SNOMED CT.
    public init(_ value: String, _ meaning: String, scheme: String = "SCT") {
        (self.value, self.scheme, self.meaning) = (value, scheme, meaning)
    }
}

/// The meaning of a class of a model as coded terms.
public struct SegmentMeaning: Hashable, Sendable {
    /// The category: an anatomical structure, an abnormal structure, a tissue.
    public var category: DicomCode
    /// The type within the category.
    public var type: DicomCode
    /// The modifier of the type, such as the side "Left"; nil if there is none.
    public var modifier: DicomCode?

    /// The meaning of a class with an unknown name.
    static let unknown = SegmentMeaning(category: .tissue, type: .tissue)
}

extension DicomCode {
    static let anatomicalStructure = DicomCode("123037004", "Anatomical Structure")
    static let abnormalStructure = DicomCode("49755003", "Morphologically Abnormal Structure")
    static let tissue = DicomCode("85756007", "Tissue")
    static let left = DicomCode("7771000", "Left")
    static let right = DicomCode("24028007", "Right")
    static let artificialIntelligence = DicomCode("123110", "Artificial Intelligence", scheme: "DCM")
    static let segmentation = DicomCode("113076", "Segmentation", scheme: "DCM")
    static let sourceImage = DicomCode(
        "121322", "Source image for image processing operation", scheme: "DCM")
}
