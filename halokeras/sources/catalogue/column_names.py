"""The names by which columns of halos are known, in lower case and the best first.

Those of halotools, Rockstar and consistent-trees, AHF, Gadget and AREPO (friends-of-friends,
Subfind, particles), VELOCIraptor, SOAP, CompaSO, FastPM and nbodykit.
"""

from collections.abc import Mapping, Sequence

POSITIONS = (
    ("position",),
    ("halo_x", "halo_y", "halo_z"),
    ("grouppos",),
    ("subhalopos",),
    ("coordinates",),
    ("cmposition",),
    ("x_l2com",),
    ("x_com",),
    ("pos",),
    ("positions",),
    ("halo_position",),
    ("halo_pos",),
    ("x", "y", "z"),
    ("pos_x", "pos_y", "pos_z"),
    ("posx", "posy", "posz"),
    ("position_x", "position_y", "position_z"),
    ("x_com", "y_com", "z_com"),
    ("xc", "yc", "zc"),
    ("inputhalos/halocentre",),
)
MASSES = (
    ("halo_mvir", "mvir", "mass_mvir"),
    ("mass", "halo_mass", "masses", "m", "groupmass", "fofmass", "mfof", "subhalomass", "mhalo"),
    ("boundsubhalo/totalmass", "bound_subhalo/totalmass"),
    ("halo_m200b", "m200b", "mass_200b", "m_200b", "m200m", "group_m_mean200", "mass_200mean"),
    ("so/200_mean/totalmass",),
    ("halo_m200c", "m200c", "mass_200cr", "m_200c", "group_m_crit200", "mass_200crit"),
    ("so/200_crit/totalmass",),
    ("group_m_tophat200", "mbound_vir", "halo_mbound_vir"),
    ("halo_m500c", "m500c", "group_m_crit500"),
    ("halo_m2500c", "m2500c"),
)
"""Virial masses first, then those without further name, then 200b, 200c and smaller ones."""
PARTICLES = (
    "n",
    "np",
    "num_p",
    "halo_num_p",
    "npart",
    "n_particles",
    "nparticles",
    "length",
    "grouplen",
    "subhalolen",
)
IDS = (
    *("halo_id", "id", "haloid", "halo_ids", "rockstarid", "particleids"),
    "inputhalos/halocatalogueindex",
)
PARENTS = (
    *("halo_upid", "upid", "halo_pid", "pid", "parent_id", "halo_parent_id", "parentid"),
    *("hosthalo", "hosthaloid", "soap/hosthaloindex"),
)
FURTHER: Mapping[str, Sequence[tuple[str, ...]]] = {
    "velocity": [
        *(("vx", "vy", "vz"), ("vxc", "vyc", "vzc"), ("vel",), ("velocity",), ("subhalovel",)),
        ("boundsubhalo/centreofmassvelocity",),
    ],
    "velocity_dispersion": [("velocity_dispersion",), ("subhaloveldisp",)],
    "mass_virial": [("mvir",), ("mass_mvir",), ("group_m_tophat200",), ("so/bn98/totalmass",)],
    "mass_200b": [
        *(("m200b",), ("mass_200b",), ("m_200b",), ("m200m",), ("mass_200mean",)),
        *(("group_m_mean200",), ("so/200_mean/totalmass",)),
    ],
    "mass_200c": [
        *(("m200c",), ("mass_200cr",), ("m_200c",), ("mass_200crit",)),
        *(("group_m_crit200",), ("so/200_crit/totalmass",)),
    ],
    "radius_virial": [("rvir",), ("group_r_tophat200",), ("so/bn98/soradius",)],
    "radius_200b": [
        *(("r200b",), ("r_200b",), ("r200m",), ("r_200mean",)),
        *(("group_r_mean200",), ("so/200_mean/soradius",)),
    ],
    "radius_200c": [
        *(("r200c",), ("r_200c",), ("r_200crit",)),
        *(("group_r_crit200",), ("so/200_crit/soradius",)),
    ],
}
"""Names beside halotools' that tell what a column is, though not in which unit.

Rockstar's vrms and AHF's and VELOCIraptor's sigV are of three axes together, and so none of ours.
"""
MASSES_IN_ORDER = tuple(name for names in MASSES for name in names)
