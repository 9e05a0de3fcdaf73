/// Tags of the attributes of segmentations and structure sets, and of the attributes that they copy from the scan's
/// files.
extension DicomTag {
    // Patient and study.
    static let specificCharacterSet: UInt32 = 0x0008_0005
    static let studyDate: UInt32 = 0x0008_0020
    static let studyTime: UInt32 = 0x0008_0030
    static let accessionNumber: UInt32 = 0x0008_0050
    static let referringPhysicianName: UInt32 = 0x0008_0090
    static let studyDescription: UInt32 = 0x0008_1030
    static let patientName: UInt32 = 0x0010_0010
    static let patientID: UInt32 = 0x0010_0020
    static let issuerOfPatientID: UInt32 = 0x0010_0021
    static let patientBirthDate: UInt32 = 0x0010_0030
    static let patientSex: UInt32 = 0x0010_0040
    static let patientAge: UInt32 = 0x0010_1010
    static let patientSize: UInt32 = 0x0010_1020
    static let patientWeight: UInt32 = 0x0010_1030
    static let patientIdentityRemoved: UInt32 = 0x0012_0062
    static let deidentificationMethod: UInt32 = 0x0012_0063
    static let deidentificationMethodCode: UInt32 = 0x0012_0064
    static let studyID: UInt32 = 0x0020_0010
    static let positionReferenceIndicator: UInt32 = 0x0020_1040

    // The object, its creator and its equipment.
    static let contentDate: UInt32 = 0x0008_0023
    static let manufacturer: UInt32 = 0x0008_0070
    static let operatorsName: UInt32 = 0x0008_1070
    static let manufacturerModelName: UInt32 = 0x0008_1090
    static let deviceSerialNumber: UInt32 = 0x0018_1000
    static let softwareVersions: UInt32 = 0x0018_1020
    static let contentLabel: UInt32 = 0x0070_0080
    static let contentDescription: UInt32 = 0x0070_0081
    static let contentCreatorName: UInt32 = 0x0070_0084

    // Terms and references.
    static let codeValue: UInt32 = 0x0008_0100
    static let codingScheme: UInt32 = 0x0008_0102
    static let codeMeaning: UInt32 = 0x0008_0104
    static let referencedSeries: UInt32 = 0x0008_1115
    static let referencedInstances: UInt32 = 0x0008_114a
    static let referencedClass: UInt32 = 0x0008_1150
    static let referencedInstance: UInt32 = 0x0008_1155
    static let referencedFrame: UInt32 = 0x0008_1160
    static let sourceImages: UInt32 = 0x0008_2112
    static let derivationImages: UInt32 = 0x0008_9124
    static let derivationCode: UInt32 = 0x0008_9215
    static let spatialLocationsPreserved: UInt32 = 0x0028_135a
    static let purposeOfReference: UInt32 = 0x0040_a170

    // Frames.
    static let sliceThickness: UInt32 = 0x0018_0050
    static let spacingBetweenSlices: UInt32 = 0x0018_0088
    static let dimensionIndexValues: UInt32 = 0x0020_9157
    static let dimensionOrganizationUID: UInt32 = 0x0020_9164
    static let dimensionIndexPointer: UInt32 = 0x0020_9165
    static let functionalGroupPointer: UInt32 = 0x0020_9167
    static let dimensionOrganizations: UInt32 = 0x0020_9221
    static let dimensionIndices: UInt32 = 0x0020_9222
    static let dimensionDescription: UInt32 = 0x0020_9421
    static let highBit: UInt32 = 0x0028_0102
    static let pixelPadding: UInt32 = 0x0028_0120
    static let lossyRatio: UInt32 = 0x0028_2112
    static let lossyMethod: UInt32 = 0x0028_2114
    static let sharedGroups: UInt32 = 0x5200_9229
    static let frameGroups: UInt32 = 0x5200_9230

    // Segments.
    static let segmentationType: UInt32 = 0x0062_0001
    static let segments: UInt32 = 0x0062_0002
    static let propertyCategory: UInt32 = 0x0062_0003
    static let segmentNumber: UInt32 = 0x0062_0004
    static let segmentLabel: UInt32 = 0x0062_0005
    static let segmentAlgorithm: UInt32 = 0x0062_0007
    static let segmentAlgorithmType: UInt32 = 0x0062_0008
    static let segmentAlgorithmName: UInt32 = 0x0062_0009
    static let segmentIdentification: UInt32 = 0x0062_000a
    static let referencedSegment: UInt32 = 0x0062_000b
    static let displayColour: UInt32 = 0x0062_000d
    static let maximumFractionalValue: UInt32 = 0x0062_000e
    static let propertyType: UInt32 = 0x0062_000f
    static let segmentsOverlap: UInt32 = 0x0062_0013
    static let propertyTypeModifier: UInt32 = 0x0062_0011
    static let algorithmFamily: UInt32 = 0x0066_002f
    static let algorithmVersion: UInt32 = 0x0066_0031
    static let algorithmName: UInt32 = 0x0066_0036

    // Structures.
    static let structureSetLabel: UInt32 = 0x3006_0002
    static let structureSetName: UInt32 = 0x3006_0004
    static let structureSetDate: UInt32 = 0x3006_0008
    static let structureSetTime: UInt32 = 0x3006_0009
    static let referencedFramesOfReference: UInt32 = 0x3006_0010
    static let referencedStudies: UInt32 = 0x3006_0012
    static let referencedSeriesOfStructures: UInt32 = 0x3006_0014
    static let contourImages: UInt32 = 0x3006_0016
    static let structures: UInt32 = 0x3006_0020
    static let structureNumber: UInt32 = 0x3006_0022
    static let structureFrameOfReference: UInt32 = 0x3006_0024
    static let structureName: UInt32 = 0x3006_0026
    static let structureColour: UInt32 = 0x3006_002a
    static let structureAlgorithm: UInt32 = 0x3006_0036
    static let structureContours: UInt32 = 0x3006_0039
    static let contours: UInt32 = 0x3006_0040
    static let contourType: UInt32 = 0x3006_0042
    static let contourPointCount: UInt32 = 0x3006_0046
    static let contourPoints: UInt32 = 0x3006_0050
    static let observations: UInt32 = 0x3006_0080
    static let observationNumber: UInt32 = 0x3006_0082
    static let referencedStructure: UInt32 = 0x3006_0084
    static let interpretedType: UInt32 = 0x3006_00a4
    static let interpreter: UInt32 = 0x3006_00a6
    static let approvalStatus: UInt32 = 0x300e_0002
}
