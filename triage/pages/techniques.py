"""What ATT&CK calls the techniques that the catalog names, for people who do not know the numbers.

Names of MITRE ATT&CK, Enterprise; a technique that is not among them is shown by its number.
"""

TECHNIQUES = {
    "T1003": "OS Credential Dumping",
    "T1018": "Remote System Discovery",
    "T1021": "Remote Services",
    "T1027": "Obfuscated Files or Information",
    "T1041": "Exfiltration Over C2 Channel",
    "T1046": "Network Service Discovery",
    "T1047": "Windows Management Instrumentation",
    "T1048": "Exfiltration Over Alternative Protocol",
    "T1053": "Scheduled Task/Job",
    "T1055": "Process Injection",
    "T1059": "Command and Scripting Interpreter",
    "T1059.001": "PowerShell",
    "T1059.004": "Unix Shell",
    "T1059.007": "JavaScript",
    "T1068": "Exploitation for Privilege Escalation",
    "T1070": "Indicator Removal",
    "T1071": "Application Layer Protocol",
    "T1071.001": "Web Protocols",
    "T1071.004": "DNS",
    "T1078": "Valid Accounts",
    "T1098": "Account Manipulation",
    "T1105": "Ingress Tool Transfer",
    "T1110": "Brute Force",
    "T1110.001": "Password Guessing",
    "T1110.003": "Password Spraying",
    "T1110.004": "Credential Stuffing",
    "T1133": "External Remote Services",
    "T1136": "Create Account",
    "T1190": "Exploit Public-Facing Application",
    "T1219": "Remote Access Tools",
    "T1486": "Data Encrypted for Impact",
    "T1496": "Resource Hijacking",
    "T1498": "Network Denial of Service",
    "T1499": "Endpoint Denial of Service",
    "T1505.003": "Web Shell",
    "T1547": "Boot or Logon Autostart Execution",
    "T1548": "Abuse Elevation Control Mechanism",
    "T1565": "Data Manipulation",
    "T1566": "Phishing",
    "T1566.002": "Spearphishing Link",
    "T1567": "Exfiltration Over Web Service",
    "T1568": "Dynamic Resolution",
    "T1568.002": "Domain Generation Algorithms",
    "T1571": "Non-Standard Port",
    "T1572": "Protocol Tunneling",
    "T1573": "Encrypted Channel",
    "T1595": "Active Scanning",
}


def titled(technique: str) -> str:
    """A technique with its name: `T1110 Brute Force`."""
    return f"{technique} {TECHNIQUES.get(technique, '')}".rstrip()
