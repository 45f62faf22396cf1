"""Headers as the finders write them, whole, and files of a few halos below them."""

import h5py
import numpy as np

ROCKSTAR_NAMES = (
    "ID DescID Mvir Vmax Vrms Rvir Rs Np X Y Z VX VY VZ JX JY JZ Spin rs_klypin Mvir_all M200b "
    "M200c M500c M2500c Xoff Voff spin_bullock b_to_a c_to_a A[x] A[y] A[z] b_to_a(500c) "
    "c_to_a(500c) A[x](500c) A[y](500c) A[z](500c) T/|U| M_pe_Behroozi M_pe_Diemer Halfmass_Radius"
)
ROCKSTAR_HEADER = """#a = 0.769231
#Om = 0.314153; Ol = 0.685847; h = 0.672600
#FOF linking length: 0.280000
#Unbound Threshold: 0.500000; FOF Refinement Threshold: 0.700000
#Particle mass: 8.71890e+10 Msun/h
#Box size: 256.000000 Mpc/h
#Force resolution assumed: 0.03 Mpc/h
#Units: Masses in Msun / h
#Units: Positions in Mpc / h (comoving)
#Units: Velocities in km / s (physical, peculiar)
#Units: Halo Distances, Lengths, and Radii in kpc / h (comoving)
#Units: Angular Momenta in (Msun/h) * (Mpc/h) * km/s (physical)
#Units: Spins are dimensionless
#Np is an internal debugging quantity.
#Rockstar Version: 0.99.9-RC3+
"""
ROCKSTAR_ASCII_NAMES = (
    "id num_p mvir mbound_vir rvir vmax rvmax vrms x y z vx vy vz Jx Jy Jz E Spin PosUncertainty "
    "VelUncertainty bulk_vx bulk_vy bulk_vz BulkVelUnc n_core m200b m200c m500c m2500c Xoff Voff "
    "spin_bullock b_to_a c_to_a A[x] A[y] A[z] b_to_a(500c) c_to_a(500c) A[x](500c) A[y](500c) "
    "A[z](500c) Rs Rs_Klypin T/|U| M_pe_Behroozi M_pe_Diemer Halfmass_Radius idx i_so i_ph num_cp "
    "mmetric"
)
ROCKSTAR_ASCII_HEADER = (
    ROCKSTAR_HEADER.replace(
        "#Om", "#Bounds: (0.000000, 0.000000, 0.000000) - (128.000000, 256.000000, 256.000000)\n#Om"
    )
    .replace("#Force", "#Total particles processed: 370300\n#Force")
    .replace(
        "#Np",
        "#Units: Total energy in (Msun/h)*(km/s)^2 (physical)\n"
        "#Note: idx, i_so, and i_ph are internal debugging quantities\n#Np",
    )
)
TREE_NAMES = (
    "scale id desc_scale desc_id num_prog pid upid desc_pid phantom sam_mvir mvir rvir rs vrms "
    "mmp? scale_of_last_MM vmax x y z vx vy vz Jx Jy Jz Spin Breadth_first_ID Depth_first_ID "
    "Tree_root_ID Orig_halo_ID Snap_num Next_coprogenitor_depthfirst_ID "
    "Last_progenitor_depthfirst_ID Last_mainleaf_depthfirst_ID Tidal_Force Tidal_ID Rs_Klypin "
    "Mvir_all M200b M200c M500c M2500c Xoff Voff Spin_Bullock b_to_a c_to_a A[x] A[y] A[z] "
    "b_to_a(500c) c_to_a(500c) A[x](500c) A[y](500c) A[z](500c) T/|U| M_pe_Behroozi M_pe_Diemer "
    "Macc Mpeak Vacc Vpeak Halfmass_Scale Acc_Rate_Inst Acc_Rate_100Myr Acc_Rate_1*Tdyn "
    "Acc_Rate_2*Tdyn Acc_Rate_Mpeak Mpeak_Scale Acc_Scale First_Acc_Scale First_Acc_Mvir "
    "First_Acc_Vmax Vmax@Mpeak"
)
TREE_HEADER = """#Omega_M = 0.314153; Omega_L = 0.685847; h0 = 0.672600
#Full box size = 256.000000 Mpc/h
#Scale: Scale factor of halo.
#ID: ID of halo (unique across entire simulation).
#Desc_Scale: Scale of descendant halo, if applicable.
#Descid: ID of descendant halo, if applicable.
#Num_prog: Number of progenitors.
#Pid: ID of least massive host halo (-1 if distinct halo).
#Upid: ID of most massive host halo (different from Pid when the halo is within two or more larger halos).
#Desc_pid: Pid of descendant halo (if applicable).
#Phantom: Nonzero for halos interpolated across timesteps.
#SAM_Mvir: Halo mass, smoothed across accretion history; always greater than sum of halo masses of contributing progenitors (Msun/h).  Only for use with select semi-analytic models.
#Mvir: Halo mass (Msun/h).
#Rvir: Halo radius (kpc/h comoving).
#Rs: Scale radius (kpc/h comoving).
#Vrms: Velocity dispersion (km/s physical).
#mmp?: whether the halo is the most massive progenitor or not.
#scale_of_last_MM: scale factor of the last major merger (Mass ratio > 0.3).
#Vmax: Maxmimum circular velocity (km/s physical).
#X/Y/Z: Halo position (Mpc/h comoving).
#VX/VY/VZ: Halo velocity (km/s physical).
#JX/JY/JZ: Halo angular momenta ((Msun/h) * (Mpc/h) * km/s (physical)).
#Spin: Halo spin parameter.
#Breadth_first_ID: breadth-first ordering of halos within a tree.
#Depth_first_ID: depth-first ordering of halos within a tree.
#Tree_root_ID: ID of the halo at the last timestep in the tree.
#Orig_halo_ID: Original halo ID from halo finder.
#Snap_num: Snapshot number from which halo originated.
#Next_coprogenitor_depthfirst_ID: Depthfirst ID of next coprogenitor.
#Last_progenitor_depthfirst_ID: Depthfirst ID of last progenitor.
#Last_mainleaf_depthfirst_ID: Depthfirst ID of last progenitor on main progenitor branch.
#Tidal_Force: Strongest tidal force from any nearby halo, in dimensionless units (Rhalo / Rhill).
#Tidal_ID: ID of halo exerting strongest tidal force.
#Rs_Klypin: Scale radius determined using Vmax and Mvir (see Rockstar paper)
#Mvir_all: Mass enclosed within the specified overdensity, including unbound particles (Msun/h)
#M200b--M2500c: Mass enclosed within specified overdensities (Msun/h)
#Xoff: Offset of density peak from average particle position (kpc/h comoving)
#Voff: Offset of density peak from average particle velocity (km/s physical)
#Spin_Bullock: Bullock spin parameter (J/(sqrt(2)*GMVR))
#b_to_a, c_to_a: Ratio of second and third largest shape ellipsoid axes (B and C) to largest shape ellipsoid axis (A) (dimensionless).
#  Shapes are determined by the method in Allgood et al. (2006).
#  (500c) indicates that only particles within R500c are considered.
#A[x],A[y],A[z]: Largest shape ellipsoid axis (kpc/h comoving)
#T/|U|: ratio of kinetic to potential energies
#M_pe_*: Pseudo-evolution corrected masses (very experimental)
#Consistent Trees Version 1.01
#Macc,Vacc: Mass and Vmax at accretion.
#Mpeak,Vpeak: Peak mass and Vmax over mass accretion history.
#Halfmass_Scale: Scale factor at which the MMP reaches 0.5*Mpeak.
#Acc_Rate_*: Halo mass accretion rates in Msun/h/yr.
#            Inst: instantaneous; 100Myr: averaged over past 100Myr,
#            X*Tdyn: averaged over past X*virial dynamical time.
#            Mpeak: Growth Rate of Mpeak, averaged from current z to z+0.5
#Mpeak_Scale: Scale at which Mpeak was reached.
#Acc_Scale: Scale at which satellites were (last) accreted.
#First_Acc_Scale: Scale at which current and former satellites first passed through a larger halo.
#First_Acc_(Mvir|Vmax): Mvir and Vmax at First_Acc_Scale.
#Vmax@Mpeak: Halo Vmax at the scale at which Mpeak was reached.
"""  # noqa: E501
AHF_NAMES = (
    "ID hostHalo numSubStruct Mvir npart Xc Yc Zc VXc VYc VZc Rvir Rmax r2 mbp_offset com_offset "
    "Vmax v_esc sigV lambda lambdaE Lx Ly Lz b c Eax Eay Eaz Ebx Eby Ebz Ecx Ecy Ecz ovdens nbins "
    "fMhires Ekin Epot SurfP Phi0 cNFW"
)

POSITION = 256 * np.random.default_rng(1).random((40, 3))
MASS = 10 ** np.random.default_rng(2).uniform(12, 15, 40)
H = 0.6726


def rows(names, divide=" ", **over):
    """Lines of a text table; columns that are not given hold 0.5."""
    columns = {
        **dict(zip("xyz", POSITION.T, strict=True)),
        **dict(zip(("xc", "yc", "zc"), 1000 * POSITION.T, strict=True)),
        "mvir": MASS,
        "id": np.arange(40),
        "np": np.full(40, 20),
        "npart": np.full(40, 20),
        **over,
    }
    half = np.full(40, 0.5)
    chosen = [columns.get(name.lower(), half) for name in names.split()]
    lists = [column.tolist() for column in chosen]
    return [divide.join(repr(value) for value in row) for row in zip(*lists, strict=True)]


def rockstar(path, **over):
    over = {"descid": np.full(40, -1), "pid": np.full(40, -1), **over}
    names = ROCKSTAR_NAMES + " PID"
    lines = rows(names, **over)
    path.write_text(f"#{names}\n{ROCKSTAR_HEADER}" + "\n".join(lines) + "\n")
    return path


def rockstar_ascii(path):
    lines = rows(ROCKSTAR_ASCII_NAMES)
    path.write_text(f"#{ROCKSTAR_ASCII_NAMES}\n{ROCKSTAR_ASCII_HEADER}" + "\n".join(lines) + "\n")
    return path


def tree_header():
    names = " ".join(f"{name}({place})" for place, name in enumerate(TREE_NAMES.split()))
    return f"#{names}\n{TREE_HEADER}"


def hlist(path, scale=0.76923, **over):
    minus = np.full(40, -1)
    over = {"scale": np.full(40, scale), "pid": minus, "upid": minus, **over}
    path.write_text(tree_header() + "\n".join(rows(TREE_NAMES, **over)) + "\n")
    return path


def trees(path):
    lines = rows(TREE_NAMES, scale=np.linspace(0.5, 1, 40))
    body = f"2\n#tree 101\n{chr(10).join(lines[:20])}\n#tree 102\n{chr(10).join(lines[20:])}\n"
    path.write_text(tree_header() + body)
    return path


def ahf(path, ids, hosts, end="\t"):
    names = "\t".join(f"{name}({place})" for place, name in enumerate(AHF_NAMES.split(), start=1))
    lines = rows(AHF_NAMES, "\t", id=ids, hosthalo=hosts, numsubstruct=np.zeros(40, int))
    path.write_text(f"#{names}{end}\n" + "".join(f"{line}{end}\n" for line in lines))
    return path


def attributes(group, **values):
    for name, value in values.items():
        group.attrs[name] = value


def gadget4(path, pieces=1, factors=False):
    """fof_subhalo_tab of Gadget-4: kpc/h and 1e10 Msun/h."""
    with h5py.File(path, "w") as file:
        attributes(
            file.create_group("Header"), BoxSize=256000.0, Git_commit=b"8ee7f358", Git_date=b"2021",
            Ngroups_ThisFile=40, Ngroups_Total=40, Nids_ThisFile=0, Nids_Total=0, NumFiles=pieces,
            Nsubhalos_ThisFile=40, Nsubhalos_Total=40, Redshift=0.3, Time=1 / 1.3,
        )  # fmt: skip
        attributes(
            file.create_group("Parameters"), BoxSize=256000.0, ComovingIntegrationOn=1,
            Hubble=0.1, HubbleParam=H, Omega0=0.314153, OmegaBaryon=0.0, OmegaLambda=0.685847,
            UnitLength_in_cm=3.085678e21, UnitMass_in_g=1.989e43, UnitVelocity_in_cm_per_s=1e5,
            GravityConstantInternal=0.0, TimeBegin=0.02, TimeMax=1.0, NSoftClasses=1,
            InitCondFile=b"ics", OutputDir=b"output", SnapshotFileBase=b"snapshot",
        )  # fmt: skip
        file.create_group("Config").attrs["SUBFIND"] = b""
        group, subhalo = file.create_group("Group"), file.create_group("Subhalo")
        n = np.zeros(40, np.int32)
        for name, values in {
            "GroupAscale": np.full(40, 1 / 1.3), "GroupFirstSub": n, "GroupLen": n + 20,
            "GroupLenType": np.zeros((40, 6), int), "GroupMass": MASS / 1e10,
            "GroupMassType": np.zeros((40, 6)), "GroupNsubs": n, "GroupPos": 1000 * POSITION,
            "GroupVel": np.zeros((40, 3)), "Group_M_Crit200": MASS / 1e10,
            "Group_M_Crit500": MASS / 1e10, "Group_M_Mean200": MASS / 1e10,
            "Group_M_TopHat200": MASS / 1e10, "Group_R_Crit200": np.ones(40),
        }.items():  # fmt: skip
            group[name] = values
        for name, values in {
            "SubhaloPos": 1000 * POSITION, "SubhaloMass": MASS / 1e10, "SubhaloGroupNr": n,
            "SubhaloParentRank": n, "SubhaloRankInGr": n, "SubhaloLen": n + 20,
        }.items():  # fmt: skip
            subhalo[name] = values
        if factors:
            scaling = {
                "a_scaling": 1.0,
                "h_scaling": -1.0,
                "length_scaling": 1.0,
                "mass_scaling": 0.0,
                "velocity_scaling": 0.0,
                "to_cgs": 3.085678e24,
            }
            attributes(group["GroupPos"], **scaling)  # Mpc/h, against the header
    return path


def swift_attributes(length=0.0, mass=0.0, time=0.0, factor=1.0, a=0.0):
    return {
        "Conversion factor to CGS (not including cosmological corrections)": [factor],
        "Conversion factor to physical CGS (including cosmological corrections)": [factor],
        "Description": b"A column", "Expression for physical CGS units": b"a U_L  [ cm ]",
        "Lossy compression filter": b"None", "Value stored as physical": [0],
        "U_I exponent": [0.0], "U_L exponent": [length], "U_M exponent": [mass],
        "U_T exponent": [0.0], "U_t exponent": [time], "a-scale exponent": [a],
        "h-scale exponent": [0.0],
    }  # fmt: skip


def swift_header(file, files=1):
    attributes(
        file.create_group("Header"), BoxSize=[256 / H] * 3, Code=b"SWIFT", Dimension=[3],
        NumFilesPerSnapshot=[files], Redshift=[0.3], RunName=b"mine", Time=[0.0102],
        NumPart_Total=np.array([0, 40, 0, 0, 0, 0, 0], np.uint32), OutputType=b"SOAP",
        NumPart_Total_HighWord=np.zeros(7, np.uint32), MassTable=np.zeros(7),
        **{"Scale-factor": [1 / 1.3]},
    )  # fmt: skip
    attributes(
        file.create_group("Cosmology"), h=[H], Omega_m=[0.314153], Omega_b=[0.04912],
        Omega_lambda=[0.685847], Omega_r=[0.0], Omega_k=[0.0], w=[-1.0], w_0=[-1.0], w_a=[0.0],
        Redshift=[0.3],
        **{"Scale-factor": [1 / 1.3], "H0 [internal units]": [67.26], "Cosmological run": [1],
           "Universe age [internal units]": [0.0102], "Critical density [internal units]": [12.8]},
    )  # fmt: skip
    attributes(
        file.create_group("Units"),
        **{"Unit length in cgs (U_L)": [3.08567758e24], "Unit mass in cgs (U_M)": [1.98841e43],
           "Unit time in cgs (U_t)": [3.08567758e19], "Unit current in cgs (U_I)": [1.0],
           "Unit temperature in cgs (U_T)": [1.0]},
    )  # fmt: skip
    parameters = {"Cosmology:h": b"0.6726", "InternalUnitSystem:UnitMass_in_cgs": b"1.98841e43"}
    attributes(file.create_group("Parameters"), **parameters)


def with_attributes(file, name, values, **told):
    file[name] = values
    for key, value in swift_attributes(**told).items():
        file[name].attrs[key] = value


LENGTH = {"length": 1.0, "factor": 3.08567758149e24, "a": 1.0}
WEIGHT = {"mass": 1.0, "factor": 1.98841e43}


def swift(path):
    """A snapshot of SWIFT: Mpc and 1e10 Msun, both without h."""
    with h5py.File(path, "w") as file:
        swift_header(file)
        with_attributes(file, "PartType1/Coordinates", POSITION / H, **LENGTH)
        with_attributes(file, "PartType1/Masses", np.full(40, 12.0), **WEIGHT)
        with_attributes(file, "PartType1/ParticleIDs", np.arange(40, dtype=np.uint64))
        velocity = {"length": 1.0, "time": -1.0, "factor": 1e5}
        with_attributes(file, "PartType1/Velocities", np.zeros((40, 3)), **velocity)
        file["DMParticles"] = h5py.SoftLink("/PartType1")
        file["Cells/Centres"] = np.zeros((8, 3))
    return path


def soap(path):
    """A catalogue of SOAP: columns in many groups; spherical overdensities of centrals only."""
    with h5py.File(path, "w") as file:
        swift_header(file)
        with_attributes(file, "InputHalos/HaloCentre", POSITION / H, **LENGTH)
        for name in ("HaloCatalogueIndex", "IsCentral", "NumberOfBoundParticles"):
            with_attributes(file, f"InputHalos/{name}", np.arange(40))
        with_attributes(file, "InputHalos/HBTplus/TrackId", np.arange(40))
        host = np.where(np.arange(40) % 4, -1, 1)
        with_attributes(file, "SOAP/HostHaloIndex", host)
        weights = MASS / H / 1e10
        with_attributes(file, "BoundSubhalo/TotalMass", weights, **WEIGHT)
        for definition in ("200_crit", "200_mean", "500_crit"):
            only = np.where(host == -1, weights, 0)
            with_attributes(file, f"SO/{definition}/TotalMass", only, **WEIGHT)
        file["Cells/Centres"] = np.zeros((8, 3))
    return path


def velociraptor(path, comoving=1, scale=1 / 1.3):
    """A .properties file of VELOCIraptor, in Mpc and 1e10 Msun, physical or over h."""
    with h5py.File(path, "w") as file:
        told = {
            "Period": "256.0",
            "ScaleFactor": f"{scale:.6f}",
            "h_val": f"{H}",
            "Omega_m": "0.314153",
            "Omega_Lambda": "0.685847",
            "Hubble_unit": "100.0",
        }
        attributes(file.create_group("SimulationInfo"), **{k: v.encode() for k, v in told.items()})
        told = {
            "Cosmological_Sim": "1",
            "Comoving_or_Physical": f"{comoving}",
            "Length_unit_to_kpc": "1000.000000",
            "Velocity_unit_to_kms": "1.000000",
            "Mass_unit_to_solarmass": "10000000000.000000",
        }
        attributes(file.create_group("UnitInfo"), **{k: v.encode() for k, v in told.items()})
        attributes(file.create_group("Configuration"), Halo_linking_length=b"0.2")
        for name in ("File_id", "Num_of_files", "Num_of_groups", "Total_num_of_groups"):
            file[name] = np.array([40])
        host = np.where(np.arange(40) % 4, -1, 7)
        for name, values in {
            "ID": np.arange(40) + 1, "hostHaloID": host, "npart": np.full(40, 20),
            "Mvir": MASS / 1e10,
            "Mass_200crit": MASS / 1e10, "Mass_FOF": MASS / 1e10,
            **dict(zip(("Xc", "Yc", "Zc"), POSITION.T, strict=True)),
        }.items():  # fmt: skip
            file[name] = values
            attributes(file[name], Dimension_Length=0.0, Dimension_Mass=0.0, Dimension_Time=0.0)
    return path
