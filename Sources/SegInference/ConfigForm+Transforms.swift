internal import SegCore
internal import SegImaging

extension ConfigForm<String> {
    /// Axis codes such as RAS.
    static var axisCodes: Self {
        Self(
            decode: { _, key, reader in
                let codes = try reader.required(key, reader.string(key))
                do throws(DataError) {
                    _ = try Orientation(axisCodes: codes)
                } catch {
                    throw reader.error(key, "'\(codes)': \(error.message)")
                }
                return codes
            }, encode: ConfigValue.string)
    }
}

extension ConfigForm<[Double]> {
    /// The voxel size in mm, one number per axis.
    static var spacing: Self {
        Self(
            decode: { _, key, reader in
                let extents = try reader.required(key, reader.doubles(key))
                guard extents.count == 3, extents.allSatisfy({ $0 > 0 && $0.isFinite }) else {
                    throw reader.error(key, "should be three positive numbers in mm, not \(extents)")
                }
                return extents
            }, encode: { .array($0.map(ConfigValue.double)) })
    }

    /// A number, or a list of numbers.
    /// - Parameter asList: Whether a single number is written as a list.
    static func oneOrSeveral(asList: Bool) -> Self {
        Self(
            decode: { value, key, reader in
                try value.number.map { [$0] } ?? reader.required(key, reader.doubles(key))
            }, encode: { asList || $0.count != 1 ? .array($0.map(ConfigValue.double)) : .double($0[0]) })
    }
}

extension ConfigForm<[Int]> {
    /// Three integers, or one integer for all three axes.
    static var triple: Self {
        Self(
            decode: { value, key, reader in
                if let number = value.wholeNumber { return [number, number, number] }
                let numbers = try reader.required(key, reader.ints(key))
                guard numbers.count == 3 else {
                    throw reader.error(key, "should be one integer or three, not \(value)")
                }
                return numbers
            }, encode: { .array($0.map(ConfigValue.int)) })
    }

    /// An integer, or a list of integers.
    static var indices: Self {
        Self(
            decode: { value, key, reader in
                try value.wholeNumber.map { [$0] } ?? reader.required(key, reader.ints(key))
            }, encode: { .array($0.map(ConfigValue.int)) })
    }
}

extension ConfigForm<Triple> {
    /// A size in voxels, or one number for all axes. A negative number keeps the size of its axis.
    static var extents: Self {
        Self(
            decode: { value, key, reader in
                let numbers = try ConfigForm<[Int]>.triple.decode(value, key, reader)
                guard numbers.allSatisfy({ $0 <= Limits.gridAxis }) else {
                    throw reader.error(
                        key, "\(numbers) exceeds the maximum of \(Limits.gridAxis) voxels per axis")
                }
                return Triple(max(numbers[0], -1), max(numbers[1], -1), max(numbers[2], -1))
            }, encode: { .array($0.array.map(ConfigValue.int)) })
    }
}

extension ConfigForm<Bool> {
    /// Python's truth value, as in MONAI's `if self.nonzero`: any string but the empty one is true.
    static var truth: Self {
        Self(
            decode: { value, key, reader in
                guard case .string(let text) = value else { return try reader.required(key, reader.bool(key)) }
                return !text.isEmpty
            }, encode: ConfigValue.bool)
    }

    /// Whether a dtype is float32 rather than float64.
    static var isSingle: Self {
        .named(["$torch.float32": true, "float32": true, "$torch.float64": false, "float64": false])
    }
}

extension ConfigForm<IntensityCurve> {
    /// One of the supported intensity functions.
    static var curve: Self {
        Self(
            decode: { _, key, reader in
                let text = try reader.required(key, reader.string(key))
                guard let curve = IntensityCurve.named(text) else {
                    let known = IntensityCurve.allCases.map { "$lambda x: \($0.rawValue)" }.joined(separator: ", ")
                    throw reader.error(key, "'\(text)' is Python, which is not run; supported: \(known)")
                }
                return curve
            }, encode: { .string("$lambda x: " + $0.rawValue) })
    }
}

extension ConfigForm<SpatialPad.Method> {
    /// The side on which padding is added.
    static var side: Self { .named(["symmetric": .symmetric, "end": .end]) }
}
