extension StateDict {
    /// Returns whether older MONAI versions saved an array of this name on which no output depends. The network lacks it.
    ///
    /// UNETR: `vit.blocks.N.cross_attn.*` (1.4 to 1.5), `vit.patch_embedding.cls_token` and
    /// `encoderN.blocks.M.1.conv3.*` (up to 0.7).
    package static func isObsolete(_ name: String) -> Bool {
        let parts = name.split(separator: ".")
        if parts.starts(with: ["vit", "blocks"]), parts.count > 4, parts[3] == "cross_attn" { return true }
        if name == "vit.patch_embedding.cls_token" { return true }
        return parts.count > 5 && parts[0].hasPrefix("encoder") && parts[1] == "blocks" && parts[3] == "1"
            && parts[4] == "conv3"
    }

    /// Returns whether a file may lack this name, because no output depends on the parameter and older MONAI versions did
    /// not save it: `vit.blocks.N.norm_cross_attn.*` of UNETR.
    package static func isOptional(_ name: String) -> Bool {
        let parts = name.split(separator: ".")
        return parts.starts(with: ["vit", "blocks"]) && parts.count > 4 && parts[3] == "norm_cross_attn"
    }
}
