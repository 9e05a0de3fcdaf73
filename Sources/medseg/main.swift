print("medseg")
